"""Write the references again: `python -m tests.references`."""

from tests.references import files

if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
