//! Attributes that generate a test for each engine from one scenario.

use proc_macro::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Error, Ident, ItemFn, MetaNameValue, Token, parse::Nothing, parse_macro_input, punctuated::Punctuated,
};

/// Generates the tests `sqlite` and `postgres` in a module with the name of the scenario.
/// Each runs the scenario on a fresh server.
///
/// The arguments are variables for the server; a value is any expression.
///
/// ```ignore
/// #[scenario(BILLING_TIME = "off")]
/// async fn without_a_schedule_nothing_runs_by_itself(app: &App) {
///     app.advance(TimeDelta::days(40));
///     assert_eq!(app.count("billing_runs").await, 0);
/// }
/// ```
#[proc_macro_attribute]
pub fn scenario(variables: TokenStream, scene: TokenStream) -> TokenStream {
    let variables =
        parse_macro_input!(variables with Punctuated::<MetaNameValue, Token![,]>::parse_terminated);
    let names = variables.iter().map(|variable| variable.path.require_ident().map(Ident::to_string));
    let names = match names.collect::<Result<Vec<String>, Error>>() {
        Ok(names) => names,
        Err(error) => return error.into_compile_error().into(),
    };
    let values = variables.iter().map(|variable| &variable.value);
    let scene = parse_macro_input!(scene as ItemFn);
    on_each_engine(&scene, &quote!(crate::harness::run), &quote!(&[#((#names, #values)),*],))
}

/// Generates the tests `sqlite` and `postgres` in a module with the name of the scenario.
/// Each gives the scenario a directory and a database to run the program with.
///
/// ```ignore
/// #[program]
/// async fn a_migrated_database_stays_as_it_is(place: &Place) {
///     place.run(&["migrate"], &[]).expect(0);
///     assert_eq!(place.run(&["migrate"], &[]).expect(0).out, "");
/// }
/// ```
#[proc_macro_attribute]
pub fn program(nothing: TokenStream, scene: TokenStream) -> TokenStream {
    let Nothing = parse_macro_input!(nothing);
    let scene = parse_macro_input!(scene as ItemFn);
    on_each_engine(&scene, &quote!(crate::program::run), &quote!())
}

fn on_each_engine(scene: &ItemFn, run: &impl ToTokens, variables: &impl ToTokens) -> TokenStream {
    let name = &scene.sig.ident;
    // with this span, the compiler reports wrong parameters at the scenario and not at the attribute
    let played = quote_spanned!(name.span()=> super::#name);
    quote! {
        #scene

        mod #name {
            #[allow(unused_imports, reason = "values of variables may use the items of the file")]
            use super::*;

            #[test]
            fn sqlite() {
                #run(crate::harness::Engine::Sqlite, #variables #played);
            }

            #[test]
            fn postgres() {
                #run(crate::harness::Engine::Postgres, #variables #played);
            }
        }
    }
    .into()
}
