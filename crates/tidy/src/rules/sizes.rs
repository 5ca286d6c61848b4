//! A function fits on a screen and a file is one room. What does not yet is in `exceptions.txt`, which only shrinks.
//!
//! A function counts from its signature to its closing brace: what is written about it is free.

use std::collections::BTreeMap;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::hold;
use crate::checkout;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;

/// Lines by `path` for a file and by `path::function` for a function.
type Sizes = BTreeMap<String, usize>;

#[test]
fn functions_and_files_are_small() {
    let mut sizes = Sizes::new();
    for source in checkout::members().iter().flat_map(checkout::sources) {
        measure(&source.path, &source.text, &mut sizes);
    }
    hold(&complaints(&sizes, &exceptions(&checkout::read("crates/tidy/exceptions.txt"))));
}

fn complaints(sizes: &Sizes, exceptions: &Sizes) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, &lines) in sizes {
        if lines <= max(name) {
            continue;
        }
        match exceptions.get(name) {
            None => complaints.push(format!("`{name}`: {lines} lines, {} are allowed; {}", max(name), remedy(name))),
            Some(&known) if known < lines => complaints.push(format!(
                "`{name}`: it grew from {known} to {lines} lines and exceptions only shrink; {}",
                remedy(name)
            )),
            Some(&known) if known > lines => {
                complaints
                    .push(format!("`{name}`: it shrank to {lines} lines; write {lines} for {known} in exceptions.txt"));
            }
            Some(_) => {}
        }
    }
    let needless = exceptions.keys().filter(|name| sizes.get(*name).is_none_or(|&lines| lines <= max(name)));
    complaints.extend(needless.map(|name| format!("`{name}`: no exception is needed; take it out of exceptions.txt")));
    complaints
}

fn max(name: &str) -> usize {
    if name.contains("::") { FUNCTION_LINES_MAX } else { FILE_LINES_MAX }
}

fn remedy(name: &str) -> &'static str {
    if name.contains("::") { "give one of its steps a name of its own" } else { "split it where a reader would" }
}

/// Reads lines of `name  number`; a line that begins with `#` is a comment.
fn exceptions(text: &str) -> Sizes {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let (name, number) = line.rsplit_once(char::is_whitespace)?;
        Some((name.trim().to_owned(), number.parse().ok()?))
    };
    lines.map(|line| entry(line).unwrap_or_else(|| panic!("`{line}`: write `path::function  lines`"))).collect()
}

fn measure(path: &str, text: &str, sizes: &mut Sizes) {
    sizes.insert(path.to_owned(), text.lines().count());
    let file = syn::parse_file(text).expect("the text was parsed before");
    Functions { path, sizes }.visit_file(&file);
}

struct Functions<'a> {
    path: &'a str,
    sizes: &'a mut Sizes,
}

impl Functions<'_> {
    /// Where two functions of a file share a name, the longer one counts.
    fn count(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let lines = body.span().end().line - signature.span().start().line + 1;
        let size = self.sizes.entry(format!("{}::{}", self.path, signature.ident)).or_default();
        *size = lines.max(*size);
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.count(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.count(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.count(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, allowed: &str) -> Vec<String> {
        let mut sizes = Sizes::new();
        measure("a.rs", text, &mut sizes);
        complaints(&sizes, &exceptions(allowed))
    }

    fn function(lines: usize) -> String {
        format!("/// About it.\n#[must_use]\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    #[test]
    fn a_long_function_is_told_wherever_it_stands() {
        assert_eq!(judged(&function(70), ""), [""; 0]);
        let told = ["`a.rs::f`: 71 lines, 70 are allowed; give one of its steps a name of its own"];
        assert_eq!(judged(&function(71), ""), told);
        assert_eq!(judged(&format!("impl A {{\n{}}}", function(71)), ""), told);
        assert_eq!(judged(&format!("trait A {{\n{}}}", function(71)), ""), told);
        assert_eq!(judged(&format!("mod a {{ mod b {{\n{}}} }}", function(71)), ""), told);
        assert_eq!(judged(&format!("fn f() {{}}\nimpl A {{\n{}}}", function(71)), ""), told);
    }

    #[test]
    fn a_long_file_is_told() {
        assert_eq!(judged(&"// A line.\n".repeat(500), ""), [""; 0]);
        let told = "`a.rs`: 501 lines, 500 are allowed; split it where a reader would";
        assert_eq!(judged(&"// A line.\n".repeat(501), ""), [told]);
    }

    #[test]
    fn exceptions_only_shrink() {
        assert_eq!(judged(&function(80), "# why\na.rs::f  80\n"), [""; 0]);
        let grew = "`a.rs::f`: it grew from 79 to 80 lines and exceptions only shrink; give one of its steps a name of its own";
        assert_eq!(judged(&function(80), "a.rs::f  79\n"), [grew]);
        let shrank = "`a.rs::f`: it shrank to 80 lines; write 80 for 81 in exceptions.txt";
        assert_eq!(judged(&function(80), "a.rs::f  81\n"), [shrank]);
        let needless = "`a.rs::f`: no exception is needed; take it out of exceptions.txt";
        assert_eq!(judged(&function(9), "a.rs::f  80\n"), [needless]);
        assert_eq!(judged("fn g() {}\n", "a.rs::f  80\n"), [needless]);
    }
}
