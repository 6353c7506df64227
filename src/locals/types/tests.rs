//! Types are looked at once, link to one another, and are bounded.

use std::sync::Arc;

use super::{Kind, Types};
use crate::locals::sample::{entry_of, rules, units};

struct Node {
    next: Option<Box<Node>>,
    id: u32,
}

fn fields(types: &mut Types, of: &super::Type) -> Vec<(String, Arc<super::Type>)> {
    let Kind::Struct(fields) = types.kind(units(), of) else {
        panic!("no struct");
    };
    let fields = fields.iter();
    fields
        .map(|field| (field.name.to_string(), types.follow(units(), &field.to)))
        .collect()
}

#[test]
fn a_type_that_refers_to_itself_is_met_once() {
    let mut types = Types::new(rules());
    let node = types.get(units(), entry_of::<Node>());
    assert!(Arc::ptr_eq(&node, &types.get(units(), entry_of::<Node>())));
    assert_eq!((&*node.name, node.size, node.align), ("Node", 16, 8));
    assert!(node.path.ends_with("locals::types::tests"), "{}", node.path);
    assert!(!node.is_secret && !node.is_foreign);
    let within = fields(&mut types, &node);
    assert_eq!(within[0].0, "next");
    assert_eq!(&**within[0].1.shown(), "Option<Box<Node>>");
    assert_eq!(
        (within[1].0.as_str(), &**within[1].1.shown()),
        ("id", "u32")
    );
    let Kind::Choice(option) = types.kind(units(), &within[0].1) else {
        panic!("no enum");
    };
    let some = option
        .variants
        .iter()
        .find(|one| &*one.name == "Some")
        .unwrap();
    let boxed = types.follow(units(), &some.fields[0].to);
    let Kind::Pointer { to, .. } = types.kind(units(), &boxed) else {
        panic!("no pointer");
    };
    assert!(Arc::ptr_eq(&node, &types.follow(units(), to)));
    let list = Node {
        next: Some(Box::new(Node { next: None, id: 2 })),
        id: 1,
    };
    assert_eq!(list.next.as_ref().map(|next| next.id), Some(2));
    let shown = crate::locals::sample::read(&list).to_string();
    assert_eq!(
        shown,
        "Node { next: Some(Node { next: None, id: 2 }), id: 1 }"
    );
}

#[test]
fn beyond_the_bound_all_are_dropped_and_met_again() {
    let mut types = Types::new(rules());
    types.most = 3;
    let node = types.get(units(), entry_of::<Node>());
    let before = fields(&mut types, &node);
    assert_eq!(types.kept().0, 3);
    let vector = types.get(units(), entry_of::<Vec<Node>>());
    assert_eq!(types.kept().0, 1);
    let place = Arc::downgrade(&before[0].1);
    drop(before);
    assert!(
        place.upgrade().is_none(),
        "a type that nobody holds is kept"
    );
    // What is still held goes on to work, though its links are looked up anew.
    assert_eq!(&**fields(&mut types, &node)[1].1.shown(), "u32");
    assert_eq!(&**vector.shown(), "Vec<Node>");
    assert!(types.kept().1 > 0);
}
