"""In: files of others become staged events, which the store commits.

`mapping` says what a row means, `plain` makes any text file plain UTF-8, `csv_file`, `jsonl` and
`parquet` read rows, `segment` and `tables` turn rows into events as SQL, `stage` drives them,
`plan` describes what an import would do, `suggest` writes a first mapping for a file that has none.
"""
