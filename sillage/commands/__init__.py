"""The command line: one module per noun, each a typer app that `sillage.cli` puts together."""
