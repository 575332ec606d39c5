"""Judges a run by what was seen of Azure, of Redis and of the visitors, and never by the scaler's word.

wrong       the four kinds
lost · handed_out · cut_short · leaked   one judge each: a happening in, the wrongs that it shows out
unserved · sent_elsewhere · for_nobody   the same wrongs done in other ways
patience    how long a machine may be billed for nothing
judges      all of them at once
"""
