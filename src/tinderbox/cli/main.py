"""`tinderbox`: the group of all commands, and the one place where an error becomes words and an exit status."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from tinderbox import __version__
from tinderbox.errors import TinderboxError

# Where each command lives and the line it has in `--help`: none is imported before it is asked for.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("box", "Start the box."),
    "down": ("box", "Stop the box."),
    "ps": ("memory", "Show who holds the memory."),
    "run": ("chat", "Chat with a model, or ask it once."),
    "load": ("memory", "Load a model, so that its first answer does not wait."),
    "stop": ("memory", "Unload a model once its answers have ended."),
    "pin": ("memory", "Keep a model in the memory, or let it go again."),
    "why": ("memory", "Say what was decided about the memory, and why."),
    "pull": ("models", "Download a model into the store."),
    "ls": ("models", "List the models in the store."),
    "show": ("models", "Say what a model is."),
    "rm": ("models", "Remove a model from the store."),
    "plan": ("plan", "Say what fits, how fast, and what to change."),
    "boxes": ("machine", "List the boxes that can be planned for, or compare them."),
    "machine": ("machine", "Say what this machine is; --measure measures it."),
    "bench": ("bench", "Measure a model beside what was predicted for it."),
    "add": ("add", "Add what agents, training ... need, in an environment of its own."),
    "agent": ("agent", "Write, list and show agents, and put them to work."),
    "key": ("keys", "Make, list and revoke keys: who else may use the box."),
    "audit": ("audit", "Say who did what to keys, models, jobs and the box."),
    "quantise": ("jobs", "Make a stored model smaller, as a job."),
    "train": ("train", "Fine-tune a stored model on your own data, as a job."),
    "jobs": ("jobs", "List the jobs of the box, and look after them."),
    "doctor": ("doctor", "Find what is wrong with this machine or install."),
}


class Commands(click.Group):
    """The commands, each imported when its name is typed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"tinderbox.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101  (a test holds the table to what is there)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tinderbox")
@click.option("--debug", is_flag=True, help="Show where in the code an error arose.")
def commands(debug: bool) -> None:
    """Large models on your own machine: one box, one budget of memory, nothing leaves the room.

    \b
    Example:
      tinderbox pull smollm2:135m
      tinderbox up --detach
      tinderbox run smollm2:135m "Why is the sky blue?"
    """


def main() -> None:
    """Run the command that the words ask for, and end with its exit status."""
    words = sys.argv[1:]
    debug = "--debug" in words
    try:
        # Wherever it stands, --debug is for this function alone.
        commands.main([word for word in words if word != "--debug"], prog_name="tinderbox", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except TinderboxError as error:
        if debug:
            raise
        _say(error.what, error.remedy)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has seen enough
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        _say(
            f"An error that should not be: {type(error).__name__}: {error}", "Run it again with --debug and report it."
        )
        sys.exit(1)


def _say(what: str, remedy: str) -> None:
    click.echo(f"tinderbox: {what}", err=True)
    if remedy:
        click.echo(f"           {remedy}", err=True)
