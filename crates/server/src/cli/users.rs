//! `telecom-crm create-user`.

use std::io::{IsTerminal, Read};

use acl::{Granted, input::NewUser, random_password, users};
use clap::Args;
use console::Term;
use kernel::{Error, settings::StartError};
use rehearsal::print;
use serde_json::json;

use crate::{assembly::Opened, failure::Failure};

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
    pub async fn run(self, opened: Opened) -> Result<(), Failure> {
        let state = opened.state;
        let password = if self.password_stdin { from_standard_input()? } else { random_password()? };
        let context = state.office.context("create-user", "create-user");
        let fields = json!({
            "username": self.username, "full_name": self.full_name.as_deref().unwrap_or(&self.username), "role": self.role, "password": password
        });
        let serde_json::Value::Object(fields) = fields else { return Err(Error::internal("no fields").into()) };
        let input: NewUser = kernel::input::from_fields(fields, &context)?;
        let hash = state.access.passwords().hash_new("password", &input.password, &input.username).await?;
        let granted = Granted::system("create-user");
        let user = state.db.patient().transaction(&context, async |tx| users::create(tx, &granted, &input, &hash).await).await?;
        print(format_args!("User {} was created with role {}.", user.username, user.role))?;
        if !self.password_stdin {
            print(format_args!("Password, not shown again: {password}"))?;
        }
        Ok(())
    }
}

fn from_standard_input() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        return typed();
    }
    let mut text = String::new();
    std::io::stdin().take(1024).read_to_string(&mut text).map_err(Error::internal)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks for the password twice, because what is typed is not shown.
fn typed() -> Result<String, Failure> {
    let refused = |cause: &str, remedy: &str| StartError::new("--password-stdin", cause, remedy);
    let terminal = [Term::stderr(), Term::stdout()].into_iter().find(Term::is_term);
    let terminal = terminal.ok_or_else(|| refused("no output is a terminal on which to ask", "pass the password through a pipe"))?;
    let ask = |question: &str| {
        terminal.write_str(question)?;
        terminal.read_secure_line()
    };
    let password = ask("Password: ").map_err(Error::internal)?;
    let again = ask("The password once more: ").map_err(Error::internal)?;
    if password == again { Ok(password) } else { Err(refused("the two passwords differ", "run the command again").into()) }
}
