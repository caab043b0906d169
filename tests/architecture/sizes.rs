//! Sizes that a reader can take in: files, functions, parameters, fields.

use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{FnArg, Signature};

use super::source::files;

const MAX_FILE_LINES: usize = 300;
const MAX_FUNCTION_LINES: usize = 40;
const MAX_PARAMETERS: usize = 5;
const MAX_FIELDS: usize = 10;

/// Where structs may have more fields: configuration, the bodies of requests and responses, and the JSON that is stored.
const WIDE: &[&str] = &["config/", "/api/", "client/", "presence/domain/change.rs"];

#[test]
fn no_file_is_longer_than_300_lines() {
    let long: Vec<String> = files()
        .iter()
        .map(|file| (file.text.lines().count(), &file.path))
        .filter(|(lines, _)| *lines > MAX_FILE_LINES)
        .map(|(lines, path)| format!("src/{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn functions_and_structs_stay_small() {
    let mut found = Vec::new();
    for file in files() {
        let wide = WIDE.iter().any(|folder| file.path.contains(folder));
        let mut sizes = Sizes { wide, found: Vec::new() };
        sizes.visit_file(&file.parse());
        found.extend(sizes.found.into_iter().map(|size| format!("src/{}: {size}", file.path)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

struct Sizes {
    wide: bool,
    found: Vec<String>,
}

impl Sizes {
    fn check(&mut self, signature: &Signature, body: &syn::Block) {
        let lines = body.span().end().line - signature.span().start().line + 1;
        if lines > MAX_FUNCTION_LINES {
            self.found.push(format!("fn {} has {lines} lines", signature.ident));
        }
        let parameters = signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_))).count();
        if parameters > MAX_PARAMETERS {
            self.found.push(format!("fn {} has {parameters} parameters", signature.ident));
        }
    }
}

impl<'ast> Visit<'ast> for Sizes {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if !self.wide && item.fields.len() > MAX_FIELDS {
            self.found.push(format!("struct {} has {} fields", item.ident, item.fields.len()));
        }
        syn::visit::visit_item_struct(self, item);
    }
}
