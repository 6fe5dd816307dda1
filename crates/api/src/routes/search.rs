//! Search across subscribers, contracts, SIM cards and tickets.

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

/// Most results of one search.
const MOST: usize = 50;

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(search_everything);
}

/// The parameters of a search.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// A name, also with initials, a phone number in any notation, the code of an organization, an ICCID, an IMSI, the number of a contract
    /// or ticket, or text of a ticket; with `customers:pii` also a document or tax number. At least two characters.
    #[param(required = true, min_length = 2, max_length = 200, pattern = r"\S\S", example = "Иванов")]
    q: Option<String>,
    /// Most results to return; 20 by default.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<usize>,
}

/// The results of a search, best first.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchResults {
    /// Subscribers, contracts, SIM cards and tickets together, if the caller may read them.
    results: Vec<Found>,
}

/// Finds subscribers, contracts, SIM cards and tickets by one text, best first.
///
/// Matches of whole fields come first, then those of whole words, then matches of beginnings, then matches in the middle of words. Records that the caller may
/// not read are left out. To page and filter the results of one kind, use parameter `search` of its list.
#[utoipa::path(
    tag = "search",
    params(SearchQuery),
    responses((status = 200, description = "The results.", body = SearchResults)),
    security(("bearer" = []))
)]
#[get("/search")]
async fn search_everything(call: Call, caller: AnyCaller, query: Parameters<SearchQuery>) -> Reply {
    let mut wrong = FieldErrors::default();
    let limit = query.0.limit.unwrap_or(20);
    if !(1..=MOST).contains(&limit) {
        wrong.add_at("limit".to_owned(), field::RANGE).with("min", 1).with("max", MOST);
    }
    let text = query.0.q.as_deref().unwrap_or_default();
    let sought = Sought::parse(text);
    if sought.is_none() {
        wrong.add_at("q".to_owned(), field::LENGTH).with("min", search::SHORTEST).with("max", 200);
    }
    wrong.into_error(common::INVALID_PARAMETER)?;
    let found = match &sought {
        Some(sought) => call.read(async |conn| find(conn, &caller.0.0, text, sought).await).await?,
        None => Vec::new(),
    };
    Ok(Answer::ok(&SearchResults { results: search::best(found, limit) })?)
}

/// Runs one statement for each kind of record that the caller may read.
async fn find(conn: &mut Conn, caller: &Arc<Caller>, text: &str, sought: &Sought) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    if let Ok(granted) = Granted::check(caller) {
        found.extend(customers::find_by_words(conn, &granted, text, sought).await?);
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
