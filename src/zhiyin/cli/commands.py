"""The commands of `zhiyin`, one function each; exit status 0 ok, 1 failure, 2 usage, 3 in part (rows rejected, a model that lacks something), 4 not ready."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from zhiyin.cli.beginning import register as register_beginning
from zhiyin.cli.database import db_app
from zhiyin.cli.mcp import mcp
from zhiyin.cli.options import DomainOption, ItemsOption, JsonOption, LanguageOption, ModelOption, StoreOption, llm_setting, warn
from zhiyin.cli.serving import register as register_serving
from zhiyin.cli.users import register as register_users
from zhiyin.errors import CatalogError, UnreadableFile, ZhiyinError

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer exports no name for the base of its usage errors
app = typer.Typer(
    name="zhiyin", help="Zhiyin 知音: a conversational recommender in Chinese and English.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
data_app = typer.Typer(help="Opt-in data packs: ratings and texts under their own licences.", no_args_is_help=True)
app.add_typer(data_app, name="data")
model_app = typer.Typer(help="Language models: the shelf of model files, what to choose, what one can do. None is needed.", no_args_is_help=True)
app.add_typer(model_app, name="model")
prompts_app = typer.Typer(help="What language models are asked: prompt files, their versions and their flaws.", no_args_is_help=True)
app.add_typer(prompts_app, name="prompts")
app.add_typer(db_app, name="db")

register_beginning(app)
register_serving(app)
register_users(app)
app.command()(mcp)


def run(arguments: list[str]) -> int:
    """Run one command; the exit status."""
    try:
        result = app(args=arguments, standalone_mode=False, prog_name="zhiyin")
    except UsageError as error:
        _tell_usage(error)
        return 2
    except (typer.Abort, KeyboardInterrupt):
        return 1
    except typer.Exit as stop:
        return int(stop.exit_code)
    except ZhiyinError as error:
        print(f"error: {error}" + (f"\n{error.hint}" if error.hint else ""), file=sys.stderr)
        return 4 if isinstance(error, CatalogError) else 1
    except BrokenPipeError:
        return 0
    except OSError as error:  # a full disk, a folder of somebody else's
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return result if isinstance(result, int) else 0


def _tell_usage(error: Any) -> None:  # noqa: ANN401  # see UsageError
    """What is wrong with the words, and where to read on; a group without a command has shown its help already."""
    text = error.format_message()
    if text:
        print(f"error: {text}\nTry: {error.ctx.command_path if error.ctx else 'zhiyin'} --help", file=sys.stderr)


@app.command()
def chat(
    domain: DomainOption = None,
    items: ItemsOption = None,
    store: StoreOption = None,
    user: Annotated[str, typer.Option(help="go on as this user, whose taste is remembered")] = "",
    model: ModelOption = None,
    json_: JsonOption = False,
) -> None:
    """Talk to the recommender; with --json, one message a line in and one object a line out."""
    from zhiyin.bootstrap import build
    from zhiyin.settings import read_settings

    application = build(read_settings(domain=domain, store=store, llm=llm_setting(model)), items=items, warn=warn)
    if json_:
        from zhiyin.cli.jsonl import serve_lines

        asyncio.run(serve_lines(application, user))
    else:
        from zhiyin.cli.terminal import converse

        asyncio.run(converse(application, user))


@app.command()
def recommend(
    wish: Annotated[str, typer.Argument(help='what you want, in your own words: "a comedy from the 90s"')],
    domain: DomainOption = None,
    items: ItemsOption = None,
    limit: Annotated[int, typer.Option(min=1, max=20, help="how many")] = 5,
    model: ModelOption = None,
    json_: JsonOption = False,
) -> None:
    """One answer to one wish, without a conversation."""
    from zhiyin.assistant import Assistant
    from zhiyin.cli.terminal import print_reply

    with Assistant(domain=domain, items=items, model=model, warn=warn) as assistant:
        reply = assistant.say(wish, limit=limit)
    if json_:
        print(json.dumps(reply, ensure_ascii=False))
    else:
        print_reply(reply)


@app.command()
def validate(path: Annotated[Path, typer.Argument(help="a pack's folder or name, or a catalogue file")], json_: JsonOption = False) -> int:
    """Check a domain pack or a catalogue file; what is wrong, a line each."""
    from zhiyin.cli.checks import check_file, check_folder

    if path.suffix and not path.exists():
        raise UnreadableFile(f"{path}: there is no such file", hint="Name a catalogue file, a pack's folder, or a built-in pack: movies, phones")
    return check_file(path, as_json=json_) if path.is_file() else check_folder(path, as_json=json_)


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(help="items, events or orders")],
    files: Annotated[list[Path], typer.Argument(help="CSV, JSON, JSONL or Parquet files")],
    domain: DomainOption = None,
    errors: Annotated[Path | None, typer.Option(help="where rejected rows are written, with line and reason; default: beside the first file")] = None,
    out: Annotated[Path | None, typer.Option(help="of items: the cleaned catalogue, JSONL; default: beside the first file")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count only, write nothing")] = False,
    on_error: Annotated[str, typer.Option("--on-error", help="skip bad rows, or stop at the first")] = "skip",
    store: StoreOption = None,
    currency: Annotated[str, typer.Option(help="of orders: what prices without a currency are in, such as CNY")] = "",
    train_only: Annotated[bool, typer.Option("--train-only", help="of events: only to learn from, as a file of the data folder; nobody's own list changes")] = False,
) -> int:
    """Items: catalogue files cleaned into one JSONL. Events and orders: into the store, where they are users' taste at once and the next training has them. Bad rows are set apart."""
    from zhiyin.cli.imports import import_events, import_items, import_orders
    from zhiyin.settings import read_settings

    if kind == "users":
        raise typer.BadParameter("users are not imported: Zhiyin keeps no properties of users, it ranks by what they do; import events or orders, which bring their users")
    if kind not in {"items", "events", "orders"}:
        raise typer.BadParameter(f"{kind!r} cannot be imported; items, events and orders can")
    if on_error not in {"skip", "stop"}:
        raise typer.BadParameter(f"--on-error is skip or stop, not {on_error!r}")
    for option, given, of in (("--out", out, "items"), ("--currency", currency, "orders"), ("--train-only", train_only, "events")):
        if given and kind != of:
            raise typer.BadParameter(f"{option} is for {of}")
    stop = on_error == "stop"
    if kind == "items":
        return import_items(files, domain=domain, errors=errors, out=out, dry_run=dry_run, stop=stop)
    settings = read_settings(domain=domain, store=store)
    if kind == "events":
        return import_events(files, settings=settings, errors=errors, dry_run=dry_run, stop=stop, train_only=train_only)
    return import_orders(files, settings=settings, errors=errors, dry_run=dry_run, stop=stop, currency=currency.upper())


@app.command()
def train(
    domain: DomainOption = None,
    ltr: Annotated[bool, typer.Option("--ltr", help="add LambdaMART trees (needs the extra ltr; minutes)")] = False,
    sequential: Annotated[bool, typer.Option("--sequential", help="add the transformer (needs the extra torch; minutes)")] = False,
    seed: Annotated[int, typer.Option(min=0, help="the same log and seed give the same model")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="start over instead of going on where an interrupted training stopped")] = False,
    json_: JsonOption = False,
    intent: Annotated[bool, typer.Option("--intent", help="instead: fit the intent weights of a pack's samples.jsonl")] = False,
    vectors: Annotated[bool, typer.Option("--vectors", help="instead: embed the pack's items and ship the vectors with it")] = False,
) -> int:
    """Learn from the logs of a domain: every source, and what they weigh together; put into service at once, whole or not at all."""
    from zhiyin.cli.training import fit_intent, learn_from_logs, ship_vectors

    if not (intent or vectors):
        return learn_from_logs(domain, ltr=ltr, sequential=sequential, seed=seed, fresh=fresh, as_json=json_)
    if intent:
        fit_intent(domain or "movies")
    if vectors:
        ship_vectors(domain or "movies")
    return 0


@app.command()
def evaluate(
    protocol: Annotated[list[str] | None, typer.Option(help="leave-last-out, random or temporal; may be given more than once; default: all")] = None,
    domain: DomainOption = None,
    ltr: Annotated[bool, typer.Option("--ltr", help="with LambdaMART trees (needs the extra ltr)")] = False,
    sequential: Annotated[bool, typer.Option("--sequential", help="with the transformer (needs the extra torch; minutes)")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, max=50, help="cuts of the protocols that are random")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for report.html and report.json, a folder a protocol")] = None,
    json_: JsonOption = False,
) -> int:
    """How good the recommender is on MovieLens 100K, or with --domain on a domain's own logs: every source and the learned blend, with intervals."""
    from zhiyin.cli.evaluation import run_evaluation

    return run_evaluation(protocol or [], domain, ltr=ltr, sequential=sequential, seeds=seeds, out=out, as_json=json_)


@app.command()
def doctor(json_: JsonOption = False) -> int:
    """What is installed, what is missing, every setting and where it came from."""
    from zhiyin.cli.checks import diagnose

    return diagnose(as_json=json_)


@data_app.command("list")
def data_list(domain: DomainOption = None, json_: JsonOption = False) -> None:
    """The data packs of a domain, with licence and state."""
    from zhiyin.cli.packs import show_packs

    show_packs(domain, as_json=json_)


@data_app.command("add")
def data_add(name: Annotated[str, typer.Argument(help="a pack's name, from: zhiyin data list")], domain: DomainOption = None) -> None:
    """Fetch a data pack and verify it; its licence is shown first."""
    from zhiyin.cli.packs import fetch_pack

    fetch_pack(name, domain)


@data_app.command("remove")
def data_remove(name: Annotated[str, typer.Argument(help="a pack's name")]) -> None:
    """Delete a data pack from this machine."""
    from zhiyin.cli.packs import drop_pack

    drop_pack(name)


@prompts_app.command("list")
def prompts_list(domain: DomainOption = None, json_: JsonOption = False) -> None:
    """Every prompt of a domain, with its versions and where it comes from."""
    from zhiyin.cli.prompts import list_prompts

    list_prompts(domain, as_json=json_)


@prompts_app.command("show")
def prompts_show(
    name: Annotated[str | None, typer.Argument(help="a prompt's name, from: zhiyin prompts list")] = None,
    domain: DomainOption = None,
    language: LanguageOption = "en",
    version: Annotated[int | None, typer.Option(min=1, help="an older version")] = None,
    turn: Annotated[int | None, typer.Option(min=1, help="instead: what models were asked in this turn of a conversation")] = None,
    session: Annotated[str, typer.Option(help="which conversation")] = "",
    user: Annotated[str, typer.Option(help="or whose latest one")] = "",
    store: StoreOption = None,
) -> None:
    """A prompt as its file has it; with --turn, the prompts of a stored turn, word by word."""
    from zhiyin.cli.prompts import show_prompt, show_turn

    if turn is not None:
        if bool(session) == bool(user):
            raise typer.BadParameter("--turn needs either --session ID or --user NAME")
        show_turn(turn, session=session, user=user, name=name, domain=domain, store=store)
        return
    if name is None or session or user:
        raise typer.BadParameter("name a prompt, or a stored turn: --turn N --session ID")
    show_prompt(name, domain, language, version)


@prompts_app.command("lint")
def prompts_lint(domain: DomainOption = None, json_: JsonOption = False) -> int:
    """What is unclear, of one kind or at odds in the prompt files; exit status 1 if anything is."""
    from zhiyin.cli.prompts import lint_prompts

    return lint_prompts(domain, as_json=json_)


@prompts_app.command("diff")
def prompts_diff(
    name: Annotated[str, typer.Argument(help="a prompt's name, from: zhiyin prompts list")],
    domain: DomainOption = None,
    language: LanguageOption = "en",
    old: Annotated[int | None, typer.Option("--from", min=1, help="a version; default: the one before")] = None,
    new: Annotated[int | None, typer.Option("--to", min=1, help="a version; default: the active one")] = None,
) -> None:
    """What changed between two versions of a prompt, or between the built-in one and yours."""
    from zhiyin.cli.prompts import diff_prompts

    diff_prompts(name, domain, language, old, new)


@model_app.command("list")
def model_list(json_: JsonOption = False) -> None:
    """The models on the shelf, and what to choose."""
    from zhiyin.cli.models import list_models

    list_models(as_json=json_)


@model_app.command("add")
def model_add(
    where: Annotated[str, typer.Argument(metavar="PATH_OR_ADDRESS", help="a GGUF file, or its http(s) address")],
    sha256: Annotated[str | None, typer.Option(help="what the file must be; needed for an address")] = None,
    name: Annotated[str | None, typer.Option(help="its name on the shelf; default: the file's")] = None,
) -> None:
    """Check a model file and put it on the shelf; a broken download goes on where it stopped."""
    from zhiyin.cli.models import add_model

    add_model(where, sha256=sha256, name=name)


@model_app.command("remove")
def model_remove(name: Annotated[str, typer.Argument(help="a name from: zhiyin model list")]) -> None:
    """Delete a model from the shelf, or what is there of a broken download."""
    from zhiyin.cli.models import remove_model

    remove_model(name)


@model_app.command("write")
def model_write(
    domain: DomainOption = None,
    items: ItemsOption = None,
    model: ModelOption = None,
    language: Annotated[str, typer.Option(help="en or zh")] = "en",
    limit: Annotated[int, typer.Option(min=1, help="how many items at most, the best known first")] = 100,
) -> int:
    """Have the model write one sentence for items without a description; each is checked against its row, kept, and shown as generated."""
    from zhiyin.cli.models import write_blurbs

    if language not in {"en", "zh"}:
        raise typer.BadParameter(f"--language is en or zh, not {language!r}")
    return write_blurbs(domain, items, model, language=language, limit=limit)


@model_app.command("probe")
def model_probe(url: Annotated[str | None, typer.Argument(help="openai:MODEL@BASE_URL or llamacpp:NAME; default: the setting llm.url")] = None, json_: JsonOption = False) -> int:
    """Ask a model what it can do: JSON, probabilities, context, speed; exit status 3 if something that matters is wanting."""
    from zhiyin.cli.models import probe_model

    return probe_model(url, as_json=json_)
