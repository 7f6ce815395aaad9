"""What several workers share while they run: a bus, rates, live sessions. All of it can be lost; the stores hold the truth."""
