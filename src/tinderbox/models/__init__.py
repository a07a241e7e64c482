"""Models on disk: what they are (`Card`, read from the header), what they are called, and the store that keeps them."""
