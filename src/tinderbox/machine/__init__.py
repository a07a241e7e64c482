"""What computes: this machine as it is found (`probe`) and measured (`measure`), and boxes that could be bought
(`catalogue`, with its facts in `boxes.toml`). Each is a `Machine`, frozen, and each figure says where it comes from."""
