"""Who a person is: identities unique within the merchant, personal fields sealed, joined when and where."""
