//! What holds for every endpoint (SPEC 1.5, 1.6, 2 and 13.1), a topic to a file.

mod countries;
mod cursors;
mod editing;
mod filters;
mod headers;
mod idempotency;
mod indexes;
mod jobs;
mod limits;
mod lists;
mod money;
mod office;
mod outages;
mod panics;
mod paths;
mod problems;
mod raw;
mod search;
mod search_box;
mod statements;
mod times;
