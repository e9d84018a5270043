//! From the log to champions and winners: admission, the fold, the result document, the audit. No I/O.
