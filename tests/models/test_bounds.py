"""The bounds of the models' fields."""

import importlib
import pkgutil
from collections.abc import Iterator

import annotated_types
from pydantic import BaseModel

import core

BOUNDS = (
    *(annotated_types.Ge, annotated_types.Gt, annotated_types.Le, annotated_types.Lt),
    *(annotated_types.MinLen, annotated_types.MaxLen),
)


def models(parent: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for model in parent.__subclasses__():
        yield model
        yield from models(model)


def test_no_bound_is_shadowed_by_another() -> None:
    """Of two bounds of one kind on a field, Pydantic applies one and ignores the other."""
    for module in pkgutil.walk_packages(core.__path__, "core."):
        if not module.name.startswith("core.adapters."):  # these need extras
            importlib.import_module(module.name)
    ours = {model for model in models() if model.__module__.startswith("core.")}
    assert len(ours) > 30
    for model in ours:
        for name, field in model.model_fields.items():
            kinds = [type(one) for one in field.metadata if isinstance(one, BOUNDS)]
            assert len(kinds) == len(set(kinds)), f"{model.__module__}.{model.__name__}.{name}"
