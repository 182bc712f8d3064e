"""What was said and what people think of it: the words of the loop, the store, and curation.

In: Messages and Feedback from the gateway. Out: snapshots, then Datasets whose every example names its evidence.
Import from the modules: `feedback.words`, `feedback.errors`, `feedback.store`, `feedback.curate`, `feedback.dataset`.
"""
