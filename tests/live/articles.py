"""Four articles and what they are about: enough to see a model tuned."""

LABELS = {"The court ruled.": "politics", "They won 3-1.": "sports", "Rates fell.": "finance", "A film ran.": "culture"}
