//! `telecom-crm create-user`.

use std::io::{IsTerminal, Read};

use acl::{Granted, input::NewUser, random_password, users};
use clap::Args;
use kernel::{Error, Result};
use serde_json::json;

use crate::assembly::Opened;

/// Creates a staff user.
#[derive(Args)]
pub struct CreateUser {
    /// The name to sign in with.
    username: String,
    /// The role.
    #[arg(long, default_value = "operator")]
    role: String,
    /// The full name; by default the user name.
    #[arg(long)]
    full_name: Option<String>,
    /// Read the password from standard input instead of generating one.
    #[arg(long)]
    password_stdin: bool,
}

impl CreateUser {
    /// Creates the user; a generated password is printed once.
    pub async fn run(self, opened: Opened) -> Result<()> {
        let state = opened.state;
        let password = if self.password_stdin { from_standard_input()? } else { random_password()? };
        let context = state.office.context("create-user", "create-user");
        let fields = json!({
            "username": self.username, "full_name": self.full_name.as_deref().unwrap_or(&self.username), "role": self.role, "password": password
        });
        let serde_json::Value::Object(fields) = fields else { return Err(Error::internal("no fields")) };
        let input: NewUser = kernel::input::from_fields(fields, &context)?;
        let hash = state.access.passwords().hash_new("password", &input.password, &input.username).await?;
        let granted = Granted::system("create-user");
        let user = state.db.patient().transaction(&context, async |tx| users::create(tx, &granted, &input, &hash).await).await?;
        println!("User {} was created with role {}.", user.username, user.role);
        if !self.password_stdin {
            println!("Password, not shown again: {password}");
        }
        Ok(())
    }
}

fn from_standard_input() -> Result<String> {
    if std::io::stdin().is_terminal() {
        eprintln!("Type the password and end with Ctrl-D:");
    }
    let mut text = String::new();
    std::io::stdin().take(1024).read_to_string(&mut text).map_err(Error::internal)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
