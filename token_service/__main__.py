"""`python -m token_service` is the `token-service` command."""

from token_service.cli.main import main

if __name__ == "__main__":
    main()
