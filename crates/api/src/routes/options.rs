//! Options that contracts have in addition to their tariffs.

use acl::perm;
use actix_web::{delete, get, patch, post, put};
use database::page::ListSpec;
use kernel::id::OptionId;
use tariffs::{OptionFilter, OptionInput, TariffOption, options};

use crate::{
    answer::{Answer, List, Reply},
    call::Call,
    extract::{Body, Change, ListQuery, Listing, PathPart},
    guard::Guard,
    routes::mount::Mount,
};

pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.service(get_option).service(list_options).service(create_option);
    mount.service(replace_option).service(update_option).service(delete_option);
}

impl ListQuery for OptionFilter {
    const SPEC: ListSpec = options::LIST;
}

/// Returns an option.
#[utoipa::path(
    tag = "options",
    params(("id" = OptionId, Path, description = "The option's id.")),
    responses((status = 200, description = "The option.", body = TariffOption)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/options/{id}")]
async fn get_option(call: Call, granted: Guard<perm::TariffsRead>, id: PathPart<OptionId>) -> Reply {
    let option = call.read(async |conn| options::get(conn, &granted, id.0).await).await?;
    Ok(Answer::resource(&option, option.version)?)
}

/// Lists options.
#[utoipa::path(
    tag = "options",
    params(Listing<OptionFilter>),
    responses((status = 200, description = "A page of options.", body = List<TariffOption>)),
    security(("bearer" = ["tariffs:read"]))
)]
#[get("/options")]
async fn list_options(call: Call, granted: Guard<perm::TariffsRead>, query: Listing<OptionFilter>) -> Reply {
    let page = call.read(async |conn| options::list(conn, &granted, &query.filter, &query.paging).await).await?;
    Ok(call.page(page)?)
}

/// Creates an option.
#[utoipa::path(
    tag = "options",
    request_body = OptionInput,
    responses(
        (status = 201, description = "The new option.", body = TariffOption),
        (status = 409, description = "`option_code_taken`: another option has this code.")
    ),
    security(("bearer" = ["tariffs:write"]))
)]
#[post("/options")]
async fn create_option(call: Call, granted: Guard<perm::TariffsWrite>, input: Body<OptionInput>) -> Reply {
    let answer = call.write(async |tx| {
        let option = options::create(tx, &granted, &input).await?;
        Answer::created(format!("options/{}", option.id), &option, option.version)
    });
    Ok(answer.await?)
}

async fn edit(call: &Call, granted: &Guard<perm::TariffsWrite>, id: OptionId, change: &Change<OptionInput>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        let option = contracts::options::edit_option(tx, granted, id, &change.0, &expected).await?;
        Answer::resource(&option, option.version)
    });
    Ok(answer.await?)
}

/// Replaces an option's editable fields.
///
/// A new fee counts for periods that begin from now on, and for changes of contracts made from now on. Contracts keep an option
/// that is retired or no longer compatible with their tariff.
#[utoipa::path(
    tag = "options",
    params(("id" = OptionId, Path, description = "The option's id.")),
    request_body = OptionInput,
    responses(
        (status = 200, description = "The option.", body = TariffOption),
        (status = 409, description = "`option_code_taken`, `options_had_together`.")
    ),
    security(("bearer" = ["tariffs:write"]))
)]
#[put("/options/{id}")]
async fn replace_option(call: Call, granted: Guard<perm::TariffsWrite>, id: PathPart<OptionId>, change: Change<OptionInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Changes some of an option's fields.
///
/// A new fee counts for periods that begin from now on, and for changes of contracts made from now on. Contracts keep an option
/// that is retired or no longer compatible with their tariff.
#[utoipa::path(
    tag = "options",
    params(("id" = OptionId, Path, description = "The option's id.")),
    request_body = OptionInput,
    responses(
        (status = 200, description = "The option.", body = TariffOption),
        (status = 409, description = "`option_code_taken`, `options_had_together`.")
    ),
    security(("bearer" = ["tariffs:write"]))
)]
#[patch("/options/{id}")]
async fn update_option(call: Call, granted: Guard<perm::TariffsWrite>, id: PathPart<OptionId>, change: Change<OptionInput>) -> Reply {
    edit(&call, &granted, id.0, &change).await
}

/// Deletes an option that no contract has or had.
///
/// Other options are retired by `is_active` instead.
#[utoipa::path(
    tag = "options",
    params(("id" = OptionId, Path, description = "The option's id.")),
    responses(
        (status = 204, description = "The option is deleted."),
        (status = 409, description = "`option_in_use`.")
    ),
    security(("bearer" = ["tariffs:delete"]))
)]
#[delete("/options/{id}")]
async fn delete_option(call: Call, granted: Guard<perm::TariffsDelete>, id: PathPart<OptionId>) -> Reply {
    let expected = call.expected()?;
    let answer = call.write(async |tx| {
        options::delete(tx, &granted, id.0, &expected).await?;
        Ok(Answer::empty())
    });
    Ok(answer.await?)
}
