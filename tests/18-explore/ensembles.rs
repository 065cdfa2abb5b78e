//! Every course of an ensemble after its election, as far as each configuration goes.

use assurance::explore::ensembles;

use crate::hold;

#[test]
fn an_ensemble_keeps_its_laws_in_every_order_of_events() {
    hold(ensembles());
}
