//! Where a variable gets its value, its address is given away: from then on its memory must hold what it holds.

use std::collections::BTreeSet;
use std::mem;

use proc_macro2::Span;
use quote::quote_spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Arm, Block, Expr, ExprClosure, ExprConst, ExprForLoop, ExprIf, ExprRepeat, ExprWhile, FnArg,
    Ident, Item, Pat, Signature, Stmt, parse_quote, parse2,
};

use crate::bindings;

/// Walks a function's body, but neither the functions within it nor what the compiler evaluates.
#[derive(Default)]
pub(crate) struct Keep {
    /// Variables that were declared without a value.
    later: BTreeSet<Ident>,
}

impl Keep {
    pub(crate) fn function(signature: &Signature, body: &mut Block) {
        Self::default().visit_block_mut(body);
        let names = signature.inputs.iter().flat_map(|argument| match argument {
            FnArg::Receiver(receiver) => vec![Ident::new("self", receiver.self_token.span)],
            FnArg::Typed(argument) => bindings::of(&argument.pat),
        });
        begin_with(body, &names.collect::<Vec<_>>());
    }

    /// The names of the variables that a condition binds: `if let Some(x) = a && let Some(y) = b`.
    fn bound_by(condition: &Expr, names: &mut Vec<Ident>) {
        match condition {
            Expr::Let(bound) => names.extend(bindings::of(&bound.pat)),
            Expr::Binary(both) => {
                Self::bound_by(&both.left, names);
                Self::bound_by(&both.right, names);
            }
            _ => {}
        }
    }

    fn assigned(&self, statement: &Stmt) -> Option<Ident> {
        let Stmt::Expr(Expr::Assign(assign), _) = statement else {
            return None;
        };
        let Expr::Path(path) = &*assign.left else {
            return None;
        };
        path.path
            .get_ident()
            .filter(|name| self.later.contains(name))
            .cloned()
    }
}

impl VisitMut for Keep {
    fn visit_block_mut(&mut self, block: &mut Block) {
        let outer = self.later.clone();
        for mut statement in mem::take(&mut block.stmts) {
            self.visit_stmt_mut(&mut statement);
            let names = match &statement {
                Stmt::Local(local) if local.init.is_some() => bindings::of(&local.pat),
                Stmt::Local(local) => {
                    self.later.extend(bindings::of(&local.pat));
                    Vec::new()
                }
                other => self.assigned(other).into_iter().collect(),
            };
            let is_last_value = matches!(&statement, Stmt::Expr(_, None));
            block.stmts.push(statement);
            if !is_last_value {
                block.stmts.extend(names.iter().map(given_away));
            }
        }
        self.later = outer;
    }

    fn visit_expr_if_mut(&mut self, expression: &mut ExprIf) {
        visit_mut::visit_expr_if_mut(self, expression);
        let mut names = Vec::new();
        Self::bound_by(&expression.cond, &mut names);
        begin_with(&mut expression.then_branch, &names);
    }

    fn visit_expr_while_mut(&mut self, expression: &mut ExprWhile) {
        visit_mut::visit_expr_while_mut(self, expression);
        let mut names = Vec::new();
        Self::bound_by(&expression.cond, &mut names);
        begin_with(&mut expression.body, &names);
    }

    fn visit_expr_for_loop_mut(&mut self, expression: &mut ExprForLoop) {
        visit_mut::visit_expr_for_loop_mut(self, expression);
        begin_with(&mut expression.body, &bindings::of(&expression.pat));
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        visit_mut::visit_arm_mut(self, arm);
        let names = bindings::of(&arm.pat);
        wrap(&mut arm.body, &names);
    }

    fn visit_expr_closure_mut(&mut self, closure: &mut ExprClosure) {
        if closure.constness.is_some() {
            return;
        }
        visit_mut::visit_expr_closure_mut(self, closure);
        let names: Vec<_> = closure.inputs.iter().flat_map(bindings::of).collect();
        wrap(&mut closure.body, &names);
    }

    fn visit_expr_repeat_mut(&mut self, expression: &mut ExprRepeat) {
        self.visit_expr_mut(&mut expression.expr);
    }

    fn visit_expr_const_mut(&mut self, _: &mut ExprConst) {}

    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_type_mut(&mut self, _: &mut syn::Type) {}

    fn visit_pat_mut(&mut self, _: &mut Pat) {}
}

fn begin_with(block: &mut Block, names: &[Ident]) {
    block.stmts.splice(0..0, names.iter().map(given_away));
}

/// The expression after the names were given away: in a block of its own, unless it is one.
fn wrap(body: &mut Box<Expr>, names: &[Ident]) {
    if names.is_empty() {
        return;
    }
    if let Expr::Block(block) = &mut **body
        && block.label.is_none()
        && block.attrs.is_empty()
    {
        return begin_with(&mut block.block, names);
    }
    let given_away = names.iter().map(given_away);
    *body = parse_quote!({ #(#given_away)* #body });
}

fn given_away(name: &Ident) -> Stmt {
    // Placed where the name is, so that lines of the debug information and of errors stay as they are.
    let span = Span::mixed_site().located_at(name.span());
    let statement = quote_spanned! { span => let _ = ::core::hint::black_box(&#name); };
    parse2(statement).expect("a `let` is a statement")
}
