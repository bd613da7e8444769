"""Images: baked once from a directory, named by digest, the same on every machine.

A store is one folder: an OCI image layout (`blobs/`, `index.json`, `oci-layout`) with a bake
cache (`bakes/`) and metadata by digest (`metadata/`) beside it. An image exists when the
index names it; everything is written aside and renamed, so there is no half image.
"""

from operators.images.baking import bake
from operators.images.differences import Difference, difference
from operators.images.metadata import ImageMetadata, delete, describe, images
from operators.images.unpacking import ImageConfig, unpack

__all__ = ["Difference", "ImageConfig", "ImageMetadata", "bake", "delete", "describe", "difference", "images", "unpack"]
