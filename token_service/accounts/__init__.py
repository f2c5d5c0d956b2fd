"""Who exists here: accounts from files, and the passwords that prove them. Asking for them is `authn/`'s matter."""
