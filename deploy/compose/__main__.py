"""`make compose`: write docker-compose.yml and the services' Dockerfiles anew."""

from deploy.compose.files import ROOT, texts


def main() -> int:
    """0; whatever differs is written and named."""
    for path, text in texts().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"written {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
