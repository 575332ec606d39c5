"""Judges a run by what was seen of Azure, of Redis and of the visitors, and never by the scaler's word.

wrong       the four kinds
lost · handed_out · cut_short · leaked   judges: a happening in, the wrongs that it shows out
patience    how long a machine may be billed for nothing
judges      all of them at once; and too many deletes in one tick: no wrong, but a promise
"""
