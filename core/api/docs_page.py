"""``/docs``: the API's documentation in Swagger UI; nothing on it is loaded from another host."""

from importlib.resources import files

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, Response

PATH = "/docs"
_OWN, _SWAGGER = files("core.api") / "pages", files("fastapi_offline") / "static"
_PARTS = {
    "docs.js": (_OWN, "text/javascript"),
    "swagger-ui-bundle.js": (_SWAGGER, "text/javascript"),
    "swagger-ui.css": (_SWAGGER, "text/css"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(prefix=PATH, include_in_schema=False)


@router.get("")
def page() -> Response:
    """Return the page; it reveals nothing, and asks for a key if there is one."""
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return FileResponse(str(_OWN / "docs.html"), media_type="text/html", headers=headers)


@router.get("/{part}")
def part(part: str) -> Response:
    """Return a script or style of the page."""
    if part not in _PARTS:
        raise HTTPException(404, "there is no such file")
    folder, kind = _PARTS[part]
    return FileResponse(
        str(folder / part), media_type=kind, headers={"Cache-Control": "public, max-age=3600"}
    )
