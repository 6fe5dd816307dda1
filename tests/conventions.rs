//! Conventions that hold for every endpoint, one file per topic.

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
