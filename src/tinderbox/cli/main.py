"""`tinderbox`: the group of all commands, and the one place where an error becomes words and an exit status."""

from __future__ import annotations

import sys

import click

from tinderbox import __version__
from tinderbox.cli.box import down, load, ps, stop, up
from tinderbox.cli.chat import run
from tinderbox.cli.doctor import doctor
from tinderbox.cli.models import ls, pull, rm, show
from tinderbox.errors import TinderboxError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tinderbox")
@click.option("--debug", is_flag=True, help="Show where in the code an error arose.")
@click.pass_context
def commands(context: click.Context, debug: bool) -> None:
    """Large models on your own machine: one box, one budget of memory, nothing leaves the room.

    \b
    Example:
      tinderbox pull smollm2:135m
      tinderbox up --detach
      tinderbox run smollm2:135m "Why is the sky blue?"
    """
    context.obj = debug


for command in (up, down, ps, load, stop, run, pull, ls, show, rm, doctor):
    commands.add_command(command)


def main() -> None:
    """Run the command that the words ask for, and end with its exit status."""
    debug = "--debug" in sys.argv
    try:
        commands.main(prog_name="tinderbox", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except TinderboxError as error:
        if debug:
            raise
        click.echo(f"tinderbox: {error.what}", err=True)
        if error.remedy:
            click.echo(f"           {error.remedy}", err=True)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has seen enough
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
