// The day's main work with the client that openapi-generator generates for Go.
package main

import (
	"context"
	"fmt"
	"os"

	"scene/crm"
)

func must[T any](made T, response any, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err, response)
		os.Exit(1)
	}
	return made
}

func check(holds bool, what any) {
	if !holds {
		fmt.Fprintf(os.Stderr, "not as expected: %+v\n", what)
		os.Exit(1)
	}
}

func main() {
	configuration := crm.NewConfiguration()
	configuration.Servers = crm.ServerConfigurations{{URL: os.Getenv("CRM_URL")}}
	client := crm.NewAPIClient(configuration)
	signedIn := context.WithValue(context.Background(), crm.ContextAccessToken, os.Getenv("CRM_TOKEN"))

	person := crm.NewCustomerInput(crm.CUSTOMERTYPE_INDIVIDUAL, "+79161000003")
	person.SetLastName("Иванов")
	person.SetFirstName("Пётр")
	person.SetBirthDate("1990-05-17")
	person.SetDocumentType(crm.DOCUMENTTYPE_PASSPORT)
	person.SetPassportSeries("4510")
	person.SetPassportNumber("100003")
	customer, response, err := client.CustomersAPI.CreateCustomer(signedIn).CustomerInput(*person).Execute()
	must(customer, response, err)

	fee := crm.FeeInput{String: crm.PtrString("600.00")}
	offer := crm.NewTariffInput(fee, "Суслик", crm.TARIFFTYPE_POSTPAID)
	offer.SetPriority(7)
	tariff, response, err := client.TariffsAPI.CreateTariff(signedIn).TariffInput(*offer).Execute()
	must(tariff, response, err)

	card := crm.NewSimInput("8970199000000000033", "250990000000003")
	card.SetMsisdn("+79031000003")
	sim, response, err := client.SimsAPI.CreateSim(signedIn).SimInput(*card).Execute()
	must(sim, response, err)

	draft := crm.NewContractInput(customer.GetId(), tariff.GetId())
	contract, response, err := client.ContractsAPI.CreateContract(signedIn).ContractInput(*draft).Execute()
	must(contract, response, err)
	how := crm.NewActivateInput()
	how.SetSimId(sim.GetId())
	active, response, err := client.ContractsAPI.ActivateContract(signedIn, contract.GetId()).ActivateInput(*how).Execute()
	must(active, response, err)
	check(active.GetStatus() == crm.CONTRACTSTATUS_ACTIVE, active)

	notes := crm.NewContractInputPatch()
	notes.SetNotes("звонить после шести")
	noted, response, err := client.ContractsAPI.UpdateContract(signedIn, contract.GetId()).ContractInputPatch(*notes).Execute()
	must(noted, response, err)
	check(noted.GetNotes() == "звонить после шести" && noted.GetTariffId() == tariff.GetId(), noted)

	// what was not set is not sent
	words := crm.NewTariffEditPatchWithDefaults()
	words.SetDescription("Для семьи")
	changed, response, err := client.TariffsAPI.UpdateTariff(signedIn, tariff.GetId()).TariffEditPatch(*words).Execute()
	must(changed, response, err)
	check(changed.GetDescription() == "Для семьи" && changed.GetPriority() == 7 && changed.GetIsActive(), changed)
}
