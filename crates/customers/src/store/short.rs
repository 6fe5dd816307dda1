//! SQL of the short forms of subscribers.

use database::{Conn, Given};
use kernel::{Result, id::CustomerId};

use crate::model::CustomerShortRow;

/// Reads the short forms of these subscribers.
pub async fn all(conn: &mut Conn, ids: &[CustomerId]) -> Result<Vec<CustomerShortRow>> {
    const ALL: &str = "SELECT customers.id, customers.customer_type, customers.last_name, customers.first_name, customers.patronymic, \
         customers.organization_name, customers.phone, customers.status FROM given JOIN customers ON customers.id = given.of_id";
    Given::one_column(&["of_id"], ids.iter().copied()).all(ALL, conn).await
}
