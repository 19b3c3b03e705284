use super::*;

#[test]
fn every_table_names_each_element_once() {
    for (kind, shape) in &RESOURCES {
        for (place, (name, _)) in shape.elements.iter().enumerate() {
            let twice = shape
                .elements
                .iter()
                .skip(place + 1)
                .any(|(other, _)| other == name);
            assert!(!twice, "{kind}.{name}");
        }
    }
}
