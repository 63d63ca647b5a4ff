//! A platform's state as JSON, drawn again only where it changed: whoever looks after every step need not pay for every
//! record each time.

use std::{any::Any, collections::HashMap, sync::Arc};

use serde_json::Value;

/// What a state was drawn from: of each list, the records in its order. As long as a record is the same allocation, it
/// holds the same.
#[derive(Default)]
pub struct Drawn(HashMap<&'static str, Vec<Arc<dyn Any + Send + Sync>>>);

impl Drawn {
    /// Brings the list `name` of `state` up to date: `json` is asked for records that are not the ones drawn before.
    pub(crate) fn list<'r, T: Any + Send + Sync>(
        &mut self,
        state: &mut Value,
        name: &'static str,
        records: impl Iterator<Item = &'r Arc<T>>,
        json: impl Fn(&T) -> Value,
    ) {
        if !state[name].is_array() {
            state[name] = Value::Array(Vec::new());
        }
        let Some(list) = state[name].as_array_mut() else { return };
        let drawn = self.0.entry(name).or_default();
        // A list that somebody else made is drawn from the beginning.
        drawn.truncate(list.len());
        list.truncate(drawn.len());
        let mut count = 0;
        for record in records {
            match (list.get_mut(count), drawn.get_mut(count)) {
                (Some(_), Some(known)) if std::ptr::addr_eq(Arc::as_ptr(known), Arc::as_ptr(record)) => {}
                (Some(shown), Some(known)) => {
                    *shown = json(record);
                    *known = Arc::clone(record) as _;
                }
                _ => {
                    list.push(json(record));
                    drawn.push(Arc::clone(record) as _);
                }
            }
            count += 1;
        }
        list.truncate(count);
        drawn.truncate(count);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_drawn_again_and_the_list_is_always_that_of_the_records() {
        let (mut drawn, mut state) = (Drawn::default(), Value::Null);
        let mut records: Vec<Arc<u64>> = (0..5).map(Arc::new).collect();
        let count = Cell::new(0);
        let mut look = |records: &[Arc<u64>], state: &mut Value| {
            count.set(0);
            drawn.list(state, "rows", records.iter(), |number| {
                count.set(count.get() + 1);
                json!(number)
            });
            count.get()
        };
        assert_eq!((look(&records, &mut state), &state), (5, &json!({ "rows": [0, 1, 2, 3, 4] })));
        assert_eq!(look(&records, &mut state), 0);
        records[1] = Arc::new(10);
        records.push(Arc::new(5));
        assert_eq!((look(&records, &mut state), &state), (2, &json!({ "rows": [0, 10, 2, 3, 4, 5] })));
        records.remove(0);
        look(&records, &mut state);
        assert_eq!(state, json!({ "rows": [10, 2, 3, 4, 5] }));
        state = Value::Null;
        assert_eq!((look(&records, &mut state), &state), (5, &json!({ "rows": [10, 2, 3, 4, 5] })));
    }
}
