//! Whether the text by which a living contract is found still names its number, its subscriber and its card.

use customers::CustomerNames;
use database::Conn;
use kernel::{Result, id::ContractId, text::search_text};

use crate::store;

/// How many contracts are compared at once, so that memory stays flat.
const AT_ONCE: i64 = 2000;

/// A living contract with its stored text, and the fields that the text consists of.
#[derive(sqlx_macros::FromRow)]
pub struct TextRow {
    /// The contract.
    pub id: ContractId,
    number: String,
    search_text: String,
    #[sqlx(flatten)]
    names: CustomerNames,
    msisdn: Option<String>,
    iccid: Option<String>,
}

impl TextRow {
    fn is_wrong(&self) -> bool {
        let name = self.names.full_name();
        let fields = [Some(self.number.as_str()), Some(&name), self.msisdn.as_deref(), self.iccid.as_deref()];
        self.search_text != search_text(fields)
    }
}

/// Finds active and suspended contracts whose stored text differs from what it names.
pub async fn wrong(conn: &mut Conn) -> Result<Vec<ContractId>> {
    let (mut wrong, mut after) = (Vec::new(), ContractId::new(0));
    loop {
        let rows = store::texts(conn, after, AT_ONCE).await?;
        let Some(last) = rows.last() else { return Ok(wrong) };
        after = last.id;
        wrong.extend(rows.iter().filter(|row| row.is_wrong()).map(|row| row.id));
    }
}
