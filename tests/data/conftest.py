"""Small image folders, written where a test asks for them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteImages = Callable[..., list[Path]]


@pytest.fixture
def write_images(tmp_path: Path) -> WriteImages:
    """Write ``n`` images of random pixels into ``tmp_path / folder`` and return their paths."""

    def write(
        folder: str,
        n: int = 6,
        *,
        size: tuple[int, int] = (8, 8),
        mode: str = "RGB",
        suffix: str = ".png",
    ) -> list[Path]:
        generator = np.random.default_rng(len(folder))
        paths = []
        for index in range(n):
            path = tmp_path / folder / f"{index:03d}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(path)
            paths.append(path)
        return paths

    return write
