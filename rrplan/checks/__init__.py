"""What is wrong or fragile in a cluster before the first step, each rule with an id and a page. Pure.

A check looks at the state, the spec and what the spec desires; it knows no steps. What the API server alone can tell is
asked elsewhere.
"""
