"""The day's main work with the client that openapi-python-client generates."""

import os
from datetime import date

from telecom_crm import AuthenticatedClient
from telecom_crm.api.contracts import activate_contract, create_contract, get_contract, update_contract
from telecom_crm.api.customers import create_customer
from telecom_crm.api.sims import create_sim
from telecom_crm.api.tariffs import create_tariff, deactivate_tariff, update_tariff
from telecom_crm.models import (
    ActivateInput,
    ContractInput,
    ContractInputPatch,
    ContractStatus,
    CustomerInput,
    CustomerType,
    DocumentType,
    SimInput,
    TariffEditPatch,
    TariffInput,
    TariffType,
)

client = AuthenticatedClient(
    base_url=os.environ["CRM_URL"], token=os.environ["CRM_TOKEN"], raise_on_unexpected_status=True
)

customer = create_customer.sync(
    client=client,
    body=CustomerInput(
        customer_type=CustomerType.INDIVIDUAL,
        last_name="Иванов",
        first_name="Пётр",
        birth_date=date(1990, 5, 17),
        document_type=DocumentType.PASSPORT,
        passport_series="4510",
        passport_number="100001",
        phone="+79161000001",
    ),
)
tariff = create_tariff.sync(
    client=client,
    body=TariffInput(name="Питон", tariff_type=TariffType.POSTPAID, monthly_fee="600.00", priority=7),
)
sim = create_sim.sync(
    client=client,
    body=SimInput(iccid="8970199000000000017", imsi="250990000000001", msisdn="+79031000001"),
)
contract = create_contract.sync(client=client, body=ContractInput(customer_id=customer.id, tariff_id=tariff.id))
active = activate_contract.sync(contract.id, client=client, body=ActivateInput(sim_id=sim.id))
assert active.status == ContractStatus.ACTIVE, active

noted = update_contract.sync(contract.id, client=client, body=ContractInputPatch(notes="звонить после шести"))
assert (noted.notes, noted.tariff_id, noted.customer_id) == ("звонить после шести", tariff.id, customer.id), noted
# what was not set is not sent: neither the rank nor whether the tariff is sold falls back to its default
deactivate_tariff.sync(tariff.id, client=client)
changed = update_tariff.sync(tariff.id, client=client, body=TariffEditPatch(description="Для семьи"))
assert (changed.description, changed.priority, changed.is_active) == ("Для семьи", 7, False), changed
assert get_contract.sync(contract.id, client=client).customer.full_name == "Иванов Пётр"
