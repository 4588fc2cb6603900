# What a change board may ask of a plan of rrplan, for conftest or OPA:
#   conftest test plan.json --policy docs/policies --namespace rrplan
package rrplan

import rego.v1

longest_exposure := 25

approvals_are_asked_for if input.spec.document.spec.policy.approvals.required > 0

deny contains msg if {
	input.kind != "Plan"
	msg := "this is no plan of rrplan"
}

deny contains msg if {
	input.errored
	msg := "the plan was refused"
}

deny contains msg if {
	not approvals_are_asked_for
	msg := "the spec asks for no approvals: set `policy.approvals`"
}

deny contains msg if {
	some proof in input.proof.steps
	some exposure in proof.exposures
	exposure.tolerated == "brief"
	exposure.seconds > longest_exposure
	msg := sprintf("step %s leaves %d pairs without a route for up to %d s", [proof.step, exposure.pairs, exposure.seconds])
}

warn contains msg if {
	count(input.hooks) > 0
	msg := sprintf("%d hooks run commands of their own", [count(input.hooks)])
}

warn contains msg if {
	not input.rehearsal
	msg := "the plan was not rehearsed"
}

deny contains msg if {
	input.rehearsal.verdict != "matches the plan"
	msg := sprintf("the rehearsal of the plan: %s", [input.rehearsal.verdict])
}
