//! Every key: nobody else sees key bytes.
