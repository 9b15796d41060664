//! Common given names of several languages. Names that are everyday English words, months or
//! well-known places (`Will`, `Grace`, `May`, `Jordan`) are left out.

/// Sorted, each with a capital.
#[rustfmt::skip]
pub(super) static GIVEN_NAMES: &[&str] = &[
    "Aaron", "Abigail", "Ada", "Adam", "Adrian", "Agnieszka", "Ahmed", "Aisha", "Akira", "Alan", "Albert",
    "Alejandro", "Aleksandra", "Alessandro", "Alex", "Alexander", "Alexei", "Alexis", "Alfred", "Alice", "Alicia",
    "Allison", "Alma", "Amanda", "Amber", "Amit", "Amy", "Ana", "Anastasia", "Anders", "Andrea", "Andres",
    "Andrew", "Andrzej", "Angela", "Anil", "Anita", "Anja", "Anna", "Anne", "Annette", "Annie", "Anthony",
    "Antoine", "Anton", "Antonio", "Arjun", "Arlene", "Arthur", "Ashley", "Astrid", "Audrey", "Ava", "Barbara",
    "Ben", "Benjamin", "Bernice", "Beth", "Betty", "Beverly", "Billy", "Birgit", "Björn", "Bob", "Bobby",
    "Bonnie", "Boris", "Bradley", "Brandon", "Brenda", "Brent", "Brian", "Brittany", "Bruce", "Bryan", "Caleb",
    "Camille", "Carl", "Carla", "Carlos", "Carmen", "Carol", "Carolyn", "Catherine", "Charles", "Charlie",
    "Charlotte", "Cheryl", "Chiara", "Chloe", "Chloé", "Chris", "Christina", "Christine", "Christopher", "Claire",
    "Clara", "Claudia", "Colleen", "Connie", "Connor", "Corey", "Cristina", "Curtis", "Cynthia", "Céline",
    "Damian", "Daniel", "Danielle", "Dave", "David", "Deborah", "Debra", "Deepak", "Deepika", "Denise", "Dennis",
    "Derek", "Diana", "Diane", "Diego", "Dmitri", "Dolores", "Dominic", "Donald", "Donna", "Doris", "Dorothy",
    "Douglas", "Dylan", "Edith", "Edward", "Ekaterina", "Elaine", "Elena", "Eli", "Elias", "Elijah", "Elizabeth",
    "Ella", "Elsa", "Emil", "Emilia", "Emily", "Emma", "Eric", "Erica", "Erik", "Erin", "Ernest", "Esther",
    "Ethan", "Eugene", "Eva", "Evan", "Evelyn", "Ezra", "Fabian", "Fatima", "Felix", "Fernando", "Florence",
    "Francesca", "Francisco", "Frank", "Fred", "Freya", "Frida", "Gabriel", "Gary", "Gavin", "George", "Gerald",
    "Gertrude", "Gina", "Giovanni", "Giulia", "Giuseppe", "Glenn", "Gloria", "Greg", "Gregory", "Greta",
    "Gwendolyn", "Hannah", "Hans", "Harold", "Harriet", "Harry", "Hassan", "Heather", "Heike", "Helen", "Henry",
    "Hiroshi", "Hugo", "Ian", "Ibrahim", "Ida", "Ingrid", "Irene", "Irina", "Isaac", "Isabel", "Isabella",
    "Isabelle", "Ivan", "Jack", "Jacob", "Jacqueline", "Jacques", "Jakub", "James", "Jane", "Janet", "Janice",
    "Jason", "Javier", "Jean", "Jeanne", "Jeff", "Jeffrey", "Jennifer", "Jenny", "Jens", "Jeremy", "Jerry",
    "Jesse", "Jessica", "Jill", "Jim", "Joan", "Joanna", "Joe", "Johanna", "John", "Jonas", "Jonathan", "Jorge",
    "Jose", "Joseph", "Joshua", "Joyce", "Juan", "Judith", "Judy", "Julia", "Julian", "Julie", "Julien",
    "Juliette", "Justin", "Karen", "Karin", "Katarzyna", "Kate", "Katherine", "Kathleen", "Kathryn", "Kathy",
    "Katrin", "Kavita", "Kayla", "Keiko", "Keith", "Kelly", "Kenji", "Kenneth", "Kevin", "Khalid", "Kimberly",
    "Klaus", "Kristen", "Kristin", "Krzysztof", "Kyle", "Larry", "Lars", "Laura", "Lauren", "Lawrence", "Layla",
    "Leah", "Leo", "Leonard", "Leslie", "Liam", "Lily", "Linda", "Linnea", "Lisa", "Liz", "Lois", "Lorenzo",
    "Lori", "Lorraine", "Louis", "Luca", "Lucas", "Lucia", "Lucy", "Luis", "Léa", "Magdalena", "Maja",
    "Malgorzata", "Manon", "Manuel", "Marcin", "Marco", "Marcus", "Margaret", "Maria", "Marie", "Marilyn",
    "Marjorie", "Marlene", "Marta", "Martha", "Martin", "Martina", "Marvin", "Mary", "Mathieu", "Matteo",
    "Matthew", "Maya", "Megan", "Melissa", "Meredith", "Michael", "Michel", "Michelle", "Miguel", "Mikael",
    "Mike", "Mikhail", "Mildred", "Miriam", "Mohamed", "Mohammed", "Molly", "Monica", "Monika", "Muhammad",
    "Muriel", "Mustafa", "Nadia", "Nancy", "Naomi", "Natalia", "Natalie", "Nathalie", "Nathan", "Neha",
    "Nicholas", "Nick", "Nicolas", "Nicole", "Nikolai", "Nina", "Noah", "Nolan", "Nora", "Norman", "Olga",
    "Oliver", "Olivia", "Olivier", "Omar", "Oscar", "Otto", "Owen", "Pablo", "Pamela", "Patricia", "Patrick",
    "Paul", "Paula", "Pavel", "Pedro", "Peggy", "Peter", "Petra", "Philip", "Phyllis", "Pierre", "Piotr", "Pooja",
    "Priya", "Rachel", "Rafael", "Rahul", "Raj", "Ralph", "Randy", "Ravi", "Raymond", "Rebecca", "Ricardo",
    "Richard", "Rita", "Robert", "Roberta", "Roger", "Rohan", "Ronald", "Rosa", "Rosemary", "Roy", "Russell",
    "Ruth", "Ryan", "Sabine", "Sakura", "Sally", "Sam", "Samantha", "Samuel", "Sandra", "Sanjay", "Sara", "Sarah",
    "Scott", "Sean", "Sergei", "Sergio", "Shannon", "Sharon", "Shawn", "Sheila", "Shirley", "Simon", "Sofia",
    "Sonia", "Sophia", "Sophie", "Stanley", "Stefan", "Stella", "Stephanie", "Stephen", "Steve", "Steven", "Sue",
    "Sunil", "Sunita", "Susan", "Sven", "Svetlana", "Sylvia", "Takashi", "Tamara", "Tanya", "Tara", "Tatiana",
    "Teresa", "Terry", "Theo", "Theresa", "Thomas", "Tiffany", "Tim", "Timothy", "Tina", "Tobias", "Tom",
    "Tomasz", "Tracy", "Travis", "Trevor", "Ursula", "Valentina", "Valerie", "Vanessa", "Vera", "Veronica",
    "Victoria", "Vijay", "Viktor", "Vincent", "Vivian", "Vladimir", "Walter", "Wayne", "Wei", "Wendy", "William",
    "Willie", "Wyatt", "Xavier", "Yoko", "Yuki", "Yusuf", "Yvonne", "Zachary", "Zainab", "Zoe",
];

/// Whether this is one of the names.
pub(crate) fn is_given_name(word: &str) -> bool {
    GIVEN_NAMES.binary_search(&word).is_ok()
}
