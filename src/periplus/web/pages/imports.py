"""Import."""
from __future__ import annotations
from fastapi import APIRouter, Request
from periplus.web.page import Page, add_page
from periplus.web.site import Site


def add(router: APIRouter, site: Site) -> None:
    def show(request: Request) -> Page:
        return Page("import.html", {"batches": site.workspace.batches()}, {}, "Import")
    add_page(router, "/import", show, name="import")
