//! The questions and complaints of subscribers, and their solutions.

use chrono::{NaiveDate, TimeDelta};
use kernel::id::{ContractId, CustomerId};
use tickets::{Assignee, NewTicket, PastTicket, TicketCategory, TicketPriority};

use super::dice::{Calendar, Dice};

/// The category, the subject, the description and the solution.
type Row = (TicketCategory, &'static str, &'static str, &'static str);

const ROWS: [Row; 16] = [
    (TicketCategory::Technical, "Нет связи", "С утра телефон не видит сеть, перезагрузка не помогает.", "Перезапущена базовая станция."),
    (TicketCategory::Technical, "Медленный интернет", "По вечерам страницы открываются по минуте.", "Расширен канал базовой станции."),
    (TicketCategory::Technical, "Обрываются звонки", "Разговор прерывается через две-три минуты.", "Исправлены настройки соседних сот."),
    (TicketCategory::Technical, "Не приходят сообщения", "Не доходят коды из банка.", "Снят фильтр сообщений с номера."),
    (TicketCategory::Technical, "Не работает роуминг", "За границей телефон не регистрируется в сети.", "Роуминг подключён."),
    (TicketCategory::Billing, "Не зачислен платёж", "Оплатил через терминал, денег на счёте нет.", "Платёж найден и зачислен."),
    (
        TicketCategory::Billing,
        "Непонятное списание",
        "Списали больше обычного, прошу объяснить.",
        "Разъяснено начисление, направлена выписка.",
    ),
    (
        TicketCategory::Billing,
        "Нужна выписка",
        "Прошу выписку по счёту за последние три месяца.",
        "Выписка отправлена на электронную почту.",
    ),
    (TicketCategory::Billing, "Возврат средств", "Ошибочно пополнил чужой номер.", "Разъяснён порядок возврата."),
    (TicketCategory::Tariff, "Смена тарифа", "Какой тариф выгоднее, если нужен в основном интернет?", "Предложен подходящий тариф."),
    (TicketCategory::Tariff, "Закончился пакет", "Интернет кончился за неделю до конца месяца.", "Разъяснены условия тарифа."),
    (TicketCategory::Sim, "Замена SIM-карты", "Карта не читается в новом телефоне.", "Приглашён в офис для замены карты."),
    (TicketCategory::Sim, "Перейти на eSIM", "Хочу перейти на eSIM с сохранением номера.", "Выслан код активации."),
    (
        TicketCategory::Complaint,
        "Грубое обслуживание",
        "Сотрудник салона отказался отвечать на вопросы.",
        "Принесены извинения, проведена беседа.",
    ),
    (TicketCategory::Complaint, "Навязчивые звонки", "Каждый день звонят с рекламой.", "Номер исключён из рассылок."),
    (TicketCategory::Other, "Изменились данные", "Сменил паспорт, прошу обновить данные.", "Данные обновлены."),
];

/// Whom a ticket is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The subscriber.
    pub customer_id: CustomerId,
    /// The contract, if it is about one.
    pub contract_id: Option<ContractId>,
}

/// Builds a ticket filed on `since` or later, before today.
pub fn ticket(dice: &mut Dice, calendar: &Calendar, staff: &[Assignee], of: Subject, since: NaiveDate) -> PastTicket {
    let (category, subject, description, solution) = *dice.pick(&ROWS);
    let priority = match dice.between(1, 100) {
        1..=15 => TicketPriority::Low,
        16..=75 => TicketPriority::Medium,
        76..=95 => TicketPriority::High,
        _ => TicketPriority::Critical,
    };
    let filed_on = dice.day(since, calendar.yesterday());
    let filed_at = calendar.in_business_hours(dice, filed_on);
    let midnight = calendar.at(calendar.today, 0);
    // events of today have not happened yet
    let later = |minutes: i64| Some(filed_at + TimeDelta::minutes(minutes)).filter(|at| *at < midnight);
    let taken_up = dice.between(5, 12 * 60);
    let solved = taken_up + dice.between(20, 60 * 60);
    let assigned = later(taken_up).filter(|_| !staff.is_empty() && dice.percent(97)).map(|at| (dice.pick(staff).clone(), at));
    let resolved = later(solved).filter(|_| assigned.is_some() && dice.percent(95)).map(|at| (solution.to_owned(), at));
    let answer = Some("Здравствуйте! Обращение принято, разбираемся.".to_owned());
    let input = NewTicket {
        customer_id: of.customer_id,
        contract_id: of.contract_id,
        category,
        subject: subject.to_owned(),
        description: description.to_owned(),
        priority,
        assigned_to: None,
    };
    PastTicket { input, filed_at, assigned, answer, resolved }
}
