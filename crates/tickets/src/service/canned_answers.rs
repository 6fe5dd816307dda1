//! The use cases of canned answers.

use acl::{Granted, perm};
use database::{Conn, Page, Paging, Tx, audit::Entry};
use kernel::{
    Edit, Error, Expected, FieldErrors, Result,
    error::{common, field},
    id::CannedAnswerId,
};

use crate::{
    input::{CannedAnswerFilter, CannedAnswerInput},
    model::{CannedAnswer, MOST_ANSWERS, refusal},
    store::canned_answers as store,
};

/// Returns one canned answer. Errors: `canned_answer_not_found`.
pub async fn get(conn: &mut Conn, _granted: &Granted<perm::TicketsRead>, id: CannedAnswerId) -> Result<CannedAnswer> {
    Ok(store::get(conn, id).await?.ok_or(refusal::ANSWER_NOT_FOUND)?)
}

/// Returns a page of canned answers.
pub async fn list(
    conn: &mut Conn,
    _granted: &Granted<perm::TicketsRead>,
    filter: &CannedAnswerFilter,
    paging: &Paging,
) -> Result<Page<CannedAnswer>> {
    store::list(conn, filter, paging).await
}

/// Creates a canned answer. Errors: `canned_answer_title_taken`, `canned_answers_full`.
pub async fn create(tx: &mut Tx, _granted: &Granted<perm::TicketsAssign>, input: &CannedAnswerInput) -> Result<CannedAnswer> {
    if store::count(tx).await? >= MOST_ANSWERS {
        return Err(Error::new(refusal::ANSWERS_FULL).with("most", MOST_ANSWERS));
    }
    title_is_free(tx, input, None).await?;
    let id = store::insert(tx, input).await.map_err(|error| taken_meanwhile(error, input))?;
    let answer = store::get(tx, id).await?.ok_or(refusal::ANSWER_NOT_FOUND)?;
    tx.record(Entry::new("canned_answer.created", "canned_answer", id).created(&answer));
    Ok(answer)
}

/// Changes a canned answer. Errors: `canned_answer_not_found`, `stale_version`, `canned_answer_title_taken`.
pub async fn edit(
    tx: &mut Tx,
    _granted: &Granted<perm::TicketsAssign>,
    id: CannedAnswerId,
    edit: &Edit<CannedAnswerInput>,
    expected: &Expected,
) -> Result<CannedAnswer> {
    let before = store::lock(tx, id).await?.ok_or(refusal::ANSWER_NOT_FOUND)?;
    expected.check(before.version)?;
    let present = CannedAnswerInput { title: before.title.clone(), category: before.category, text: before.text.clone() };
    let input = edit.apply(&before, &present, tx.context())?;
    if input == present {
        return Ok(before);
    }
    title_is_free(tx, &input, Some(id)).await?;
    store::update(tx, &before, &input).await.map_err(|error| taken_meanwhile(error, &input))?;
    let after = store::get(tx, id).await?.ok_or(refusal::ANSWER_NOT_FOUND)?;
    tx.record(Entry::new("canned_answer.updated", "canned_answer", id).change(&before, &after));
    Ok(after)
}

/// Deletes a canned answer. Errors: `canned_answer_not_found`, `stale_version`.
pub async fn delete(tx: &mut Tx, _granted: &Granted<perm::TicketsAssign>, id: CannedAnswerId, expected: &Expected) -> Result<()> {
    let before = store::lock(tx, id).await?.ok_or(refusal::ANSWER_NOT_FOUND)?;
    expected.check(before.version)?;
    store::delete(tx, &before).await?;
    tx.record(Entry::new("canned_answer.deleted", "canned_answer", id).deleted(&before));
    Ok(())
}

async fn title_is_free(conn: &mut Conn, input: &CannedAnswerInput, own: Option<CannedAnswerId>) -> Result<()> {
    match store::titled(conn, &input.title).await?.filter(|other| Some(*other) != own) {
        Some(other) => Err(title_taken(input, Some(other))),
        None => Ok(()),
    }
}

fn taken_meanwhile(error: Error, input: &CannedAnswerInput) -> Error {
    if error.code() == common::DUPLICATE { title_taken(input, None) } else { error }
}

fn title_taken(input: &CannedAnswerInput, other: Option<CannedAnswerId>) -> Error {
    let mut taken = FieldErrors::default();
    taken.add("title", field::DUPLICATE).existing_id = other.map(CannedAnswerId::get);
    Error::new(refusal::ANSWER_TITLE_TAKEN).with("title", &input.title).fields(taken)
}
