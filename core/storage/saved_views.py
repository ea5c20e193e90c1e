"""Saved views of Explore: what they ask, and who saved them. They contain no answers."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pymongo.database import Database

from core.clock import utc_now
from core.errors import UserError, one_line
from core.storage.collections import SAVED_VIEWS
from core.storage.readable import each_readable
from core.storage.server.connection import DURABLE
from core.types import Document

MOST_VIEWS = 200
MOST_VALUES, LONGEST_VALUE = 30, 200
"""For one parameter of a link."""


class SavedView(BaseModel):
    """A named view: the parameters of its link, by name. Times in UTC."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: str = Field(default_factory=lambda: uuid.uuid4().hex[:16], alias="_id")
    name: str = Field(min_length=1, max_length=80)
    link: dict[str, list[str]] = Field(max_length=20)
    made_by: str = Field(max_length=128)
    made_at: datetime = Field(default_factory=utc_now)

    @field_validator("name", mode="before")
    @classmethod
    def _one_line(cls, value: object) -> object:
        return " ".join(value.split()) if isinstance(value, str) else value

    @field_validator("link")
    @classmethod
    def _short(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        if any(
            len(values) > MOST_VALUES or max(map(len, values), default=0) > LONGEST_VALUE
            for values in value.values()
        ):
            raise ValueError(
                f"has more than {MOST_VALUES} values of one kind, or longer ones than {LONGEST_VALUE} letters"
            )
        return value


def saved_views(database: Database[Document]) -> list[SavedView]:
    """Return the saved views, by name; what another version or tool stored there is logged and left out.

    Raises:
        PyMongoError: the database does not answer.
    """
    rows = database[SAVED_VIEWS].find().limit(MOST_VIEWS)
    found = each_readable(rows, SavedView.model_validate, SAVED_VIEWS)
    return sorted(found, key=lambda view: view.name.casefold())


def save_view(database: Database[Document], name: str, link: dict[str, list[str]], made_by: str) -> SavedView:
    """Store a view under a name.

    Raises:
        UserError: the name is empty, too long or taken, or there are 200 views already.
        PyMongoError: the database does not answer.
    """
    try:
        made = SavedView(name=name, link=link, made_by=made_by)
    except ValidationError as error:
        raise UserError(one_line(error)) from None
    known = saved_views(database)
    _refuse_taken(known, made)
    if len(known) >= MOST_VIEWS:
        raise UserError(f"there are {MOST_VIEWS} saved views; delete one first")
    _collection(database).insert_one(made.model_dump(by_alias=True))
    return made


def rename_view(database: Database[Document], view_id: str, name: str) -> None:
    """Rename a saved view.

    Raises:
        UserError: the name is empty, too long or taken, or the view no longer exists.
        PyMongoError: the database does not answer.
    """
    known = {view.id: view for view in saved_views(database)}
    if view_id not in known:
        raise UserError("that view is gone: somebody deleted it")
    try:
        renamed = SavedView.model_validate(known[view_id].model_dump() | {"name": name})
    except ValidationError as error:
        raise UserError(one_line(error)) from None
    _refuse_taken(known.values(), renamed)
    _collection(database).update_one({"_id": view_id}, {"$set": {"name": renamed.name}})


def delete_view(database: Database[Document], view_id: str) -> None:
    """Delete a saved view, if it still exists.

    Raises:
        PyMongoError: the database does not answer.
    """
    _collection(database).delete_one({"_id": view_id})


def _refuse_taken(known: Iterable[SavedView], view: SavedView) -> None:
    if any(one.name.casefold() == view.name.casefold() and one.id != view.id for one in known):
        raise UserError("there is a view of that name; choose another")


def _collection(database: Database[Document]) -> Any:  # noqa: ANN401 (a collection)
    return database.get_collection(SAVED_VIEWS, write_concern=DURABLE)
