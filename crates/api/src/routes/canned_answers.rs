//! Texts to answer tickets with.

use acl::perm;
use actix_web::{delete, get, patch, post, put};
use database::page::ListSpec;
use kernel::id::CannedAnswerId;
use tickets::{CannedAnswer, CannedAnswerFilter, CannedAnswerInput, canned_answers};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, Change, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(get_canned_answer).service(list_canned_answers).service(create_canned_answer);
    mount.service(replace_canned_answer).service(update_canned_answer).service(delete_canned_answer);
}

impl ListQuery for CannedAnswerFilter {
    const SPEC: ListSpec = tickets::CANNED_ANSWER_LIST;
}

/// Returns a canned answer.
#[utoipa::path(
    tag = "tickets",
    params(("id" = CannedAnswerId, Path, description = "The canned answer's id.")),
    responses((status = 200, description = "The canned answer.", body = CannedAnswer)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/canned-answers/{id}")]
async fn get_canned_answer(call: Call, granted: Guard<perm::TicketsRead>, id: PathPart<CannedAnswerId>) -> Reply {
    let answer = call.read(async |conn| canned_answers::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&answer, answer.version)?)
}

/// Lists canned answers: texts that staff use in comments on tickets.
#[utoipa::path(
    tag = "tickets",
    params(Listing<CannedAnswerFilter>),
    responses((status = 200, description = "A page of canned answers.", body = List<CannedAnswer>)),
    security(("bearer" = ["tickets:read"]))
)]
#[get("/canned-answers")]
async fn list_canned_answers(call: Call, granted: Guard<perm::TicketsRead>, query: Listing<CannedAnswerFilter>) -> Reply {
    let page = call.read(async |conn| canned_answers::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Creates a canned answer.
#[utoipa::path(
    tag = "tickets",
    request_body = CannedAnswerInput,
    responses(
        (status = 201, description = "The new canned answer.", body = CannedAnswer),
        (status = 409, description = "`canned_answer_title_taken`; `canned_answers_full`: there can be 1000.")
    ),
    security(("bearer" = ["tickets:assign"]))
)]
#[post("/canned-answers")]
async fn create_canned_answer(call: Call, granted: Guard<perm::TicketsAssign>, input: Body<CannedAnswerInput>) -> Reply {
    let answer = call.write(async |tx| {
        let made = canned_answers::create(tx, &granted, &input).await?;
        Answer::created(format!("canned-answers/{}", made.id), &made, made.version)
    });
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::TicketsAssign>, id: CannedAnswerId, change: &Change<CannedAnswerInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let edited = canned_answers::edit(tx, granted, id, &change.0, &expected).await?;
        Answer::resource(&edited, edited.version)
    });
    Ok(answer.await?)
}

/// Replaces a canned answer. Comments that were written with it stay.
#[utoipa::path(
    tag = "tickets",
    params(("id" = CannedAnswerId, Path, description = "The canned answer's id.")),
    request_body = CannedAnswerInput,
    responses(
        (status = 200, description = "The canned answer.", body = CannedAnswer),
        (status = 409, description = "`canned_answer_title_taken`.")
    ),
    security(("bearer" = ["tickets:assign"]))
)]
#[put("/canned-answers/{id}")]
async fn replace_canned_answer(
    call: Call,
    granted: Guard<perm::TicketsAssign>,
    id: PathPart<CannedAnswerId>,
    change: Change<CannedAnswerInput>,
) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some fields of a canned answer. Comments that were written with it stay.
#[utoipa::path(
    tag = "tickets",
    params(("id" = CannedAnswerId, Path, description = "The canned answer's id.")),
    request_body = CannedAnswerInput,
    responses(
        (status = 200, description = "The canned answer.", body = CannedAnswer),
        (status = 409, description = "`canned_answer_title_taken`.")
    ),
    security(("bearer" = ["tickets:assign"]))
)]
#[patch("/canned-answers/{id}")]
async fn update_canned_answer(
    call: Call,
    granted: Guard<perm::TicketsAssign>,
    id: PathPart<CannedAnswerId>,
    change: Change<CannedAnswerInput>,
) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes a canned answer.
#[utoipa::path(
    tag = "tickets",
    params(("id" = CannedAnswerId, Path, description = "The canned answer's id.")),
    responses((status = 204, description = "The canned answer is deleted.")),
    security(("bearer" = ["tickets:assign"]))
)]
#[delete("/canned-answers/{id}")]
async fn delete_canned_answer(call: Call, granted: Guard<perm::TicketsAssign>, id: PathPart<CannedAnswerId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        canned_answers::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
