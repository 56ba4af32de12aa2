//! Fuzz target: receipts.

use super::receipt;

/// A receipt that can be read is the same after it is written and read again.
pub(crate) fn receipt(bytes: &[u8]) {
    let Some(receipt) = receipt::read(bytes) else { return };
    let written = serde_json::to_vec(&receipt).expect("receipts are numbers and text");
    assert_eq!(receipt::read(&written), Some(receipt));
}
