//! Brings rows that were written before the present forms of texts and keys into these forms.

use database::{Engine, Given, Sql, Tx};
use kernel::Result;

use super::{Keys, SELECT};
use crate::{input::CustomerInput, model::Customer};

/// Returns up to `limit` rows whose keys are not in the present form, locked; rows that others have locked are left out.
pub async fn outdated(tx: &mut Tx, limit: i64) -> Result<Vec<Customer>> {
    let lock = match tx.engine() {
        Engine::Sqlite => "",
        Engine::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    Sql::owned(format!("{SELECT} WHERE last_name_order = '' ORDER BY id LIMIT $1{lock}")).bind(limit).all(tx).await
}

/// A row, its fields in the present form, and whether a client sees a difference.
pub struct Renewed {
    pub before: Customer,
    pub input: CustomerInput,
    pub is_changed: bool,
}

/// Writes locked rows in the present form. Unique values stay as they are.
pub async fn renew(tx: &mut Tx, rows: &[Renewed]) -> Result<()> {
    let now = tx.now();
    let mut given = Given::of(&[
        "row_id",
        "row_version",
        "new_version",
        "new_updated_at",
        "new_last_name",
        "new_first_name",
        "new_patronymic",
        "new_organization_name",
        "new_organization_code",
        "new_address",
        "new_notes",
        "new_search_text",
        "new_name_key",
        "new_last_name_order",
        "new_address_key",
    ]);
    for Renewed { before, input, is_changed } in rows {
        let keys = Keys::of(input);
        given.row(vec![
            before.id.into(),
            before.version.into(),
            (before.version + i64::from(*is_changed)).into(),
            if *is_changed { now } else { before.updated_at }.into(),
            input.last_name.clone().unwrap_or_default().into(),
            input.first_name.clone().unwrap_or_default().into(),
            (&input.patronymic).into(),
            (&input.organization_name).into(),
            (&input.organization_code).into(),
            (&input.address).into(),
            (&input.notes).into(),
            keys.search_text.into(),
            keys.name_key.into(),
            keys.last_name_order.into(),
            keys.address_key.into(),
        ]);
    }
    given
        .execute(
            "UPDATE customers SET version = given.new_version, updated_at = given.new_updated_at, last_name = given.new_last_name, \
             first_name = given.new_first_name, patronymic = given.new_patronymic, organization_name = given.new_organization_name, \
             organization_code = given.new_organization_code, address = given.new_address, notes = given.new_notes, \
             search_text = given.new_search_text, name_key = given.new_name_key, last_name_order = given.new_last_name_order, \
             address_key = given.new_address_key FROM given WHERE customers.id = given.row_id AND customers.version = given.row_version",
            tx,
        )
        .await
        .map(drop)
}
