//! The search box (SPEC 12.3).

use std::sync::Arc;

use acl::{Caller, Granted};
use actix_web::get;
use database::{
    Conn,
    search::{self, Found, Sought},
};
use kernel::{
    Result,
    error::{FieldErrors, common, field},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::{Answer, Reply},
    call::Call,
    extract::Parameters,
    guard::AnyCaller,
    routes::mount::Mount,
};

/// The longest list of what was found.
const MOST: usize = 50;

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(search_everything);
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// A name, a phone number however it is written, an ICCID, an IMSI, a contract's or a ticket's number, or words of a
    /// ticket; at least two letters.
    #[param(required = true, min_length = 2, max_length = 200, pattern = r"\S\S", example = "Иванов")]
    q: Option<String>,
    /// How many to answer, 20 unless told otherwise.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<usize>,
}

/// What was found, best first.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchResults {
    /// Subscribers, contracts, SIM cards and tickets together, as far as the caller may read them.
    results: Vec<Found>,
}

/// Finds subscribers, contracts, SIM cards and tickets by one text, best first.
///
/// Whole fields go before beginnings, and those before the middle of words. What the caller may not read is left out. Lists
/// that can be paged and filtered are found at each kind's own `search`.
#[utoipa::path(
    tag = "search",
    params(SearchQuery),
    responses((status = 200, description = "What was found.", body = SearchResults)),
    security(("bearer" = []))
)]
#[get("/search")]
async fn search_everything(call: Call, caller: AnyCaller, query: Parameters<SearchQuery>) -> Reply {
    let mut wrong = FieldErrors::default();
    let limit = query.0.limit.unwrap_or(20);
    if !(1..=MOST).contains(&limit) {
        wrong.add_at("limit".to_owned(), field::RANGE).with("min", 1).with("max", MOST);
    }
    let sought = Sought::parse(query.0.q.as_deref().unwrap_or_default(), call.context().policy.country);
    if sought.is_none() {
        wrong.add_at("q".to_owned(), field::LENGTH).with("min", search::SHORTEST).with("max", 200);
    }
    wrong.into_error(common::INVALID_PARAMETER)?;
    let found = match &sought {
        Some(sought) => call.read(async |conn| find(conn, &caller.0.0, sought).await).await?,
        None => Vec::new(),
    };
    Ok(Answer::ok(&SearchResults { results: search::best(found, limit) })?)
}

/// One statement for each kind that the caller may read.
async fn find(conn: &mut Conn, caller: &Arc<Caller>, sought: &Sought) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    if let Ok(granted) = Granted::check(caller) {
        found.extend(customers::find_by_words(conn, &granted, sought).await?);
    }
    if let Ok(granted) = Granted::check(caller) {
        found.extend(contracts::find_by_words(conn, &granted, sought).await?);
    }
    if let Ok(granted) = Granted::check(caller) {
        found.extend(sims::find_by_words(conn, &granted, sought).await?);
    }
    if let Ok(granted) = Granted::check(caller) {
        found.extend(tickets::find_by_words(conn, &granted, sought).await?);
    }
    Ok(found)
}
