"""A local cloud of one's own, and an image of a tiny service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.clouds.cloud import BakeRequest
from operators.clouds.local import LocalCloud
from tests.operators.local_cloud.town import Town

#: Ends at SIGTERM at once, in mid-request too: what is not lost then is the cloud's merit.
SERVICE = """\
import asyncio, json, os

async def serve(reader, writer):
    while request := await reader.readline():
        path = request.split()[1].decode()
        while await reader.readline() != b"\\r\\n":
            pass
        if "for_s=" in path:
            await asyncio.sleep(float(path.split("=")[1]))
        told = json.dumps({**os.environ, "DIRECTORY": os.getcwd()})
        body = told if path == "/environment" else os.environ["GENNAKER_GROUP"]
        writer.write(f"HTTP/1.1 200 OK\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n{body}".encode())
    writer.close()

async def main():
    await (await asyncio.start_server(serve, os.environ["HOST"], os.environ["PORT"])).serve_forever()

asyncio.run(main())
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
