"""Commands for connecting sources of calls."""

import typer

app = typer.Typer()


@app.command("pipecat-setup")
def pipecat_setup() -> None:
    """Print the path for PIPECAT_SETUP_FILES, which records a Pipecat bot's calls without any code."""
    from core.adapters.pipecat import setup_file  # noqa: PLC0415 (only this command needs it)

    typer.echo(setup_file.__file__)
