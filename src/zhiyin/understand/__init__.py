"""Understanding a message: language, numbers, words, names, polarity, references, sentiment, intent."""
