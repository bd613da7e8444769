"""A local cloud of one's own, and an image of a tiny service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.clouds.cloud import BakeRequest
from operators.clouds.local import LocalCloud
from tests.operators.local_cloud.town import Town

SERVICE = """\
import asyncio, json, os
from aiohttp import web

async def answer(request):
    await asyncio.sleep(float(request.query.get("for_s", 0)))
    return web.Response(text=os.environ["GENNAKER_GROUP"])

async def environment(request):
    return web.json_response({**os.environ, "DIRECTORY": os.getcwd()})

app = web.Application()
app.add_routes([web.get("/environment", environment), web.get("/{path:.*}", answer)])
web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None)
"""


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service")
    (folder / "server.py").write_text(SERVICE)
    (folder / "Procfile").write_text("web: python server.py\n")
    return folder


@pytest.fixture
def town(tmp_path: Path, store: Path, service: Path) -> Iterator[Town]:
    cloud = LocalCloud(tmp_path / "cloud", store)
    image = cloud.bake(BakeRequest("playback", service)).digest
    try:
        yield Town(cloud, tmp_path / "cloud", store, image)
    finally:
        cloud.stop()
